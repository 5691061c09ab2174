# Shared by the scripts for the swap and tmp disks; sourced, not run.
# shellcheck shell=sh

die() {
    echo "$*" >&2
    exit 1
}

# Print the node of the virtio disk with this serial, nothing where there is none. The kernel knows the
# serial as soon as it knows the disk; udev makes /dev/disk/by-id/virtio-<serial> from the same file, later.
disk_with_serial() {
    found=
    for file in /sys/block/vd*/serial; do
        [ -r "$file" ] || continue
        serial=
        read -r serial < "$file" || [ -n "$serial" ] || continue
        [ "$serial" = "$1" ] || continue
        [ -z "$found" ] || die "Two disks have the serial '$1': $found and ${file%/serial}. Nothing was formatted."
        found=${file%/serial}
    done
    [ -z "$found" ] || echo "/dev/${found##*/}"
}

# Succeed where the disk holds nothing: no signature of any kind, and its first 4 KiB are zero.
is_blank() {
    [ -z "$(wipefs --noheadings --output TYPE "$1")" ] || return 1
    [ "$(head -c 4096 "$1" | tr -d '\0' | wc -c)" -eq 0 ]
}

refuse() {
    die "$1 was not touched: it is neither blank nor ours, it holds: $(wipefs --noheadings \
        --output TYPE,LABEL "$1" | tr -s '\n ' '  ')(or data without a signature). If nobody needs that," \
        "run 'wipefs -a $1; blkdiscard -fz $1' and reboot."
}

# Shared by the scripts for the swap and tmp disks; sourced, not run. They run early in every boot, where each
# program that is started counts.
# shellcheck shell=sh

die() {
    echo "$*" >&2
    exit 1
}

# Set "disk" to the node of the virtio disk with this serial, to nothing where there is none. The kernel knows
# the serial as soon as it knows the disk; udev makes /dev/disk/by-id/virtio-<serial> from the same file, later.
find_disk() {
    disk=
    for file in /sys/block/vd*/serial; do
        [ -r "$file" ] || continue
        serial=
        read -r serial < "$file" || [ -n "$serial" ] || continue
        [ "$serial" = "$1" ] || continue
        file=${file%/serial}
        [ -z "$disk" ] || die "Two disks have the serial '$1': $disk and /dev/${file##*/}. Nothing was formatted."
        disk=/dev/${file##*/}
    done
}

# Succeed where the disk holds nothing: its first 4 KiB are zero, and there is no signature of any kind.
is_blank() {
    cmp -s -n 4096 "$1" /dev/zero || return 1
    [ -z "$(wipefs --noheadings --output TYPE "$1")" ]
}

refuse() {
    found=$(wipefs --noheadings --output TYPE,LABEL "$1" | tr -s '\n ' '  ')
    die "$1 was not touched: it is neither blank nor ours; it holds: ${found:-data without a signature}." \
        "If nobody needs that, run 'wipefs -a $1; blkdiscard -fz $1' and reboot."
}

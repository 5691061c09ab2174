#!/bin/sh
# Runs once inside the tree of the image, after all packages are installed.
set -eu

systemctl -q enable systemd-networkd systemd-timesyncd nftables ssh
# Nothing may hold up the boot for a network that is "online", and no screen waits for a login.
systemctl -q disable systemd-networkd-wait-online getty@tty1 systemd-pstore unattended-upgrades e2scrub_reap \
    systemd-network-generator grub-common
# Role monitoring_agent tells it where to listen, and starts it.
if [ -e /usr/lib/systemd/system/prometheus-node-exporter.service ]; then
    systemctl -q disable prometheus-node-exporter
fi
# What no VM of the platform uses, and what costs seconds where the CPU is emulated: RSA keys, foreign binaries,
# LVM checks, kernel debugging, screens.
systemctl -q mask sshd-keygen e2scrub_all.timer systemd-binfmt proc-sys-fs-binfmt_misc.automount \
    dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
    sys-fs-fuse-connections.mount modprobe@drm modprobe@configfs modprobe@fuse \
    systemd-networkd-persistent-storage systemd-tmpfiles-setup-dev-early systemd-hibernate-clear \
    systemd-udev-load-credentials
mkdir -p /etc/systemd/system-generators
for generator in bless-boot gpt-auto hibernate-resume integritysetup rc-local ssh system-update tpm2 veritysetup; do
    ln -sf /dev/null /etc/systemd/system-generators/systemd-$generator-generator
done

# GRUB's files as grub-install lays them down. It cannot run here: there is no disk yet, and the build machine's
# must not be touched. Module vm_image_build writes boot.img and core.img into the image.
target=i386-pc
mkdir -p /boot/grub/$target
cp /usr/lib/grub/$target/*.mod /usr/lib/grub/$target/*.lst /usr/lib/grub/$target/boot.img /boot/grub/$target/
echo 'search.fs_label root root' > /boot/grub/$target/load.cfg
echo 'set prefix=($root)/boot/grub' >> /boot/grub/$target/load.cfg
grub-mkimage -O $target -d /usr/lib/grub/$target -p /boot/grub -c /boot/grub/$target/load.cfg \
    -o /boot/grub/$target/core.img biosdisk part_gpt ext2 search_label normal configfile linux
grub-editenv /boot/grub/grubenv create
# Not earlier: where this file exists, the packages call update-grub, which needs a disk.
cat > /boot/grub/grub.cfg <<'END'
# Only until update-grub runs for the first time, with the first upgrade of the kernel or of GRUB.
search --no-floppy --label root --set=root
linux /vmlinuz root=LABEL=root ro net.ifnames=0 console=ttyS0 quiet
initrd /initrd.img
boot
END
# From now on the package installs GRUB on the VM's own disk whenever it is upgraded.
printf '%s\n' 'grub-pc grub-pc/install_devices multiselect /dev/vda' \
    'grub-pc grub-pc/install_devices_empty boolean false' | debconf-set-selections

: > /etc/machine-id
# All that is made from /usr is up to date: no rebuilding of caches at the first boot.
journalctl --update-catalog
ldconfig
touch -r /usr /etc/.updated /var/.updated

#!/bin/busybox sh
# The tiny Linux: init of the first file system. Prints the same marker as the boot sector (boot.s), from a real kernel with a
# real root file system; the counter is in /var/boots on the disk.
/bin/busybox mkdir -p /proc /sys /dev /mnt /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
exec < /dev/console > /dev/console 2>&1

# No dependency list: what needs another module goes in on a later round.
for round in 1 2 3 4; do
  for module in /modules/*.ko; do insmod "$module" 2> /dev/null && rm "$module"; done
done

tries=0
until disk=$(findfs LABEL=novacron 2> /dev/null) && mount -t ext4 "$disk" /mnt; do
  tries=$((tries + 1))
  if [ $tries -gt 200 ]; then
    echo "NOVACRON READ FAILED: no disk labelled novacron among $(ls /dev | tr '\n' ' ')"
    poweroff -f
  fi
  usleep 25000
done

boots=$(cat /mnt/var/boots)
printf 'NOVACRON GUEST unique=%s boots=%04d\n' "$(cat /mnt/etc/hostname)" "$boots"
echo $((boots + 1)) > /mnt/var/boots && sync && echo 'NOVACRON READY' || echo 'NOVACRON WRITE FAILED'
echo "Linux $(uname -r), root on $disk"

while :; do sleep 3600; done

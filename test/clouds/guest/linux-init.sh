#!/bin/busybox sh
# The tiny Linux: init of the first file system. Prints the same marker as the boot sector (boot.s), from a real kernel with a
# real root file system; the counter is in /var/boots on the disk.
/bin/busybox mkdir -p /proc /sys /dev /mnt /seed /run /tmp /sbin /usr/bin /usr/sbin /etc/acpi/PWRF /var/run
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

# How it is shut down: by the power button (acpid), or by the agent, which runs /sbin/shutdown.
cat > /sbin/shut-down << 'END'
#!/bin/busybox sh
echo "NOVACRON DOWN by $1" > /dev/console
sync
umount /mnt || mount -o remount,ro /mnt
poweroff -f
END
printf '#!/bin/busybox sh\nexec /sbin/shut-down button\n' > /etc/acpi/PWRF/00000080
rm -f /sbin/shutdown
printf '#!/bin/busybox sh\nexec /sbin/shut-down agent\n' > /sbin/shutdown
chmod +x /sbin/shut-down /sbin/shutdown /etc/acpi/PWRF/00000080
# It logs to its standard error only if told so; else it wants a log file.
acpid -d > /dev/null 2>&1 &

for port in /sys/class/virtio-ports/*; do
  [ -x /bin/qemu-ga ] && grep -q org.qemu.guest_agent.0 "$port/name" 2> /dev/null || continue
  LD_LIBRARY_PATH=/lib64 qemu-ga -m virtio-serial -p "/dev/${port##*/}" -t /run -f /run/qemu-ga.pid &
done

# What cloud-init would do with its seed.
if seed=$(findfs LABEL=CIDATA 2> /dev/null) && mount -t vfat -o ro "$seed" /seed; then
  name=$(sed -n 's/^local-hostname: "\(.*\)"/\1/p' /seed/meta-data)
  hostname "$name"
  echo "NOVACRON HOSTNAME $(hostname)"
  case $(head -c 2 /seed/user-data) in '#!') cp /seed/user-data /tmp/user-data && chmod +x /tmp/user-data && /tmp/user-data ;; esac
  umount /seed
fi

boots=$(cat /mnt/var/boots)
printf 'NOVACRON GUEST unique=%s boots=%04d\n' "$(cat /mnt/etc/hostname)" "$boots"
echo $((boots + 1)) > /mnt/var/boots && sync && echo 'NOVACRON READY' || echo 'NOVACRON WRITE FAILED'
firmware=BIOS
[ -d /sys/firmware/efi ] && firmware=UEFI
echo "Linux $(uname -r), root on $disk, by $firmware"

# Disks that are there, and those that come and go.
known=
while :; do
  now=$(ls /sys/block | grep -E '^(vd|sd|nvme)')
  for name in $now; do
    case " $known " in *" $name "*) ;; *) echo "NOVACRON DISK $name $(($(cat /sys/block/$name/size) / 2048)) MiB" ;; esac
  done
  for name in $known; do
    case " $(echo $now) " in *" $name "*) ;; *) echo "NOVACRON DISK $name gone" ;; esac
  done
  known=$(echo $now)
  sleep 1
done

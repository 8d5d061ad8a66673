/** A script for the tiny Linux: it tells, whenever that changes, which CPUs are on and how much memory the kernel has. */
export const telling = `(
  while :; do
    now="$(cat /sys/devices/system/cpu/online) CPUs $(awk '/MemTotal/ { print $2 }' /proc/meminfo) KiB"
    [ "$now" = "$before" ] || echo "NOVACRON HAS $now" > /dev/console
    before=$now
    sleep 1
  done
) &`

/** What it told last. */
export function lastTold(printed: string): { cpus: string; memoryMib: number } | undefined {
  const [, cpus, kib] = [...printed.matchAll(/NOVACRON HAS (\S+) CPUs (\d+) KiB/g)].at(-1) ?? []
  return cpus === undefined ? undefined : { cpus, memoryMib: Math.round(Number(kib) / 1024) }
}

import type { LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'

/** Those of the registration's bridges that the host has. A user's own daemon may plug nothing into them. */
export async function presentBridges(host: LibvirtHost): Promise<string[]> {
  if (!host.privileged || host.bridges.length === 0) return []
  const { text } = await ask(host, ['iface-list', '--all'], { mutating: false })
  const names = new Set(text.split('\n').map((line) => line.trim().split(/\s+/)[0]))
  return host.bridges.filter((bridge) => names.has(bridge))
}

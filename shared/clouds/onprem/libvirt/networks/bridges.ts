import type { LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'

/** Those of the registration's bridges that the host has: an interface `br0` is the node device `net_br0_<its address>`. */
export async function presentBridges(host: LibvirtHost): Promise<string[]> {
  if (!host.privileged || host.bridges.length === 0) return []
  const { text } = await ask(host, ['nodedev-list', '--cap', 'net'], { mutating: false })
  const devices = text.split('\n').map((line) => line.trim())
  // libvirt writes other signs than letters and digits as `_`.
  const prefix = (bridge: string) => `net_${bridge.replaceAll(/[^A-Za-z0-9]/g, '_')}_`
  return host.bridges.filter((bridge) => devices.some((device) => device.startsWith(prefix(bridge))))
}

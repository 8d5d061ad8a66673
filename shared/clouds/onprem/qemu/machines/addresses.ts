import { isIP } from 'node:net'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { withAgent } from '#shared/clouds/onprem/qemu/machines/agent.ts'
import { see } from '#shared/clouds/onprem/qemu/machines/status.ts'

/** What the guest says it has, without those that only it can reach. It may say anything: what is no address is left out. */
export async function readAddresses(host: QemuHost, id: string): Promise<string[]> {
  const sight = await see(host, id)
  if (!sight?.process) return []
  const interfaces = await withAgent(host, id, (agent) =>
    agent.execute<Interface[]>('guest-network-get-interfaces'),
  ).catch(() => undefined)
  if (!Array.isArray(interfaces)) return []
  const addresses = interfaces
    .flatMap((one) => one['ip-addresses'] ?? [])
    .map((one) => one['ip-address'])
    .filter((address) => typeof address === 'string' && isIP(address) !== 0)
  return [...new Set(addresses)]
    .filter((address) => !/^(127\.|::1$|fe80:|169\.254\.)/i.test(address))
    .slice(0, 64)
}

interface Interface {
  'ip-addresses'?: { 'ip-address': string }[]
}

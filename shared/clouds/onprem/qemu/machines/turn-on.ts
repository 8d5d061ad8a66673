import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { withAgent, type GuestAgent } from '#shared/clouds/onprem/qemu/machines/agent.ts'

/** Linux leaves what was added off unless its own rules turn it on; where the guest's agent answers it does. No agent, or one that may not: nothing. */
export async function turnOn(host: QemuHost, id: string, what: 'vcpus' | 'memory'): Promise<void> {
  await withAgent(host, id, what === 'vcpus' ? turnOnCpus : turnOnMemory).catch(() => undefined)
}

async function turnOnCpus(agent: GuestAgent): Promise<void> {
  const cpus = await agent.execute<{ 'logical-id': number; online: boolean }[]>('guest-get-vcpus')
  const off = cpus.filter((cpu) => !cpu.online).map((cpu) => ({ ...cpu, online: true }))
  if (off.length > 0) await agent.execute('guest-set-vcpus', { vcpus: off })
}

async function turnOnMemory(agent: GuestAgent): Promise<void> {
  const blocks = await agent.execute<{ 'phys-index': number; online: boolean }[]>('guest-get-memory-blocks')
  const off = blocks.filter((block) => !block.online).map((block) => ({ ...block, online: true }))
  if (off.length > 0) await agent.execute('guest-set-memory-blocks', { 'mem-blks': off })
}

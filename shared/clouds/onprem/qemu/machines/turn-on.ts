import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { withAgent, type GuestAgent } from '#shared/clouds/onprem/qemu/machines/agent.ts'
import { pause } from '#shared/clouds/scope.ts'

/**
 * Linux leaves what was added off unless its own rules turn it on; where the guest's agent answers it does. No agent, or one that may not: nothing.
 * @param count how many it has now: a guest may see a new one some moments later.
 */
export const turnOnCpus = (host: QemuHost, id: string, count: number): Promise<void> =>
  quietly(host, id, async (agent) => {
    const untilMs = performance.now() + patienceMs
    for (;;) {
      const cpus = await agent.execute<{ 'logical-id': number; online: boolean }[]>('guest-get-vcpus')
      const off = cpus.filter((cpu) => !cpu.online).map((cpu) => ({ ...cpu, online: true }))
      if (off.length > 0) await agent.execute('guest-set-vcpus', { vcpus: off })
      if (cpus.length >= count || performance.now() > untilMs) return
      await pause(100)
    }
  })

/** The same for the memory that the guest has taken so far. */
export const turnOnMemory = (host: QemuHost, id: string): Promise<void> =>
  quietly(host, id, async (agent) => {
    const blocks = await agent.execute<{ 'phys-index': number; online: boolean }[]>('guest-get-memory-blocks')
    const off = blocks.filter((block) => !block.online).map((block) => ({ ...block, online: true }))
    if (off.length > 0) await agent.execute('guest-set-memory-blocks', { 'mem-blks': off })
  })

/** A guest that does not do what it is told keeps what it has. */
async function quietly(host: QemuHost, id: string, work: (agent: GuestAgent) => Promise<void>) {
  await withAgent(host, id, work).catch(() => undefined)
}

/** An emulated one on a busy machine takes a second. */
const patienceMs = 5_000

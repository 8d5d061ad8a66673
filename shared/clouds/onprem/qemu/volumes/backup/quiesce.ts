import { guarded } from '#shared/clouds/onprem/freeze/guard.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { hasAgent, withAgent, type GuestAgent } from '#shared/clouds/onprem/qemu/machines/agent.ts'
import { withLock } from '#shared/clouds/onprem/qemu/machines/locking.ts'
import { withCallScope } from '#shared/clouds/scope.ts'

/**
 * Runs `work` while the guest's file systems stand still, if its agent can do that; else the guest just runs on. They are let go whatever
 * happens: by this process, by the guard if this one dies, and at last by the next call.
 */
export async function quiesced<T>(
  host: QemuHost,
  machine: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (machine === undefined || !(await hasAgent(host, machine))) return work()
  // One at a time: whoever finds the guest frozen here knows that nobody else needs it so.
  return withLock(host, machine, () =>
    guarded({ agent: host.layout.machine(machine).agent }, async () => {
      const frozen = await freeze(host, machine)
      try {
        return await work()
      } finally {
        if (frozen) await thaw(host, machine)
      }
    }),
  )
}

/** Lets go what a worker that died may have left frozen. */
export async function letGo(host: QemuHost, machine: string | undefined): Promise<void> {
  if (machine === undefined || !(await hasAgent(host, machine))) return
  await withLock(host, machine, () => withAgent(host, machine, thawLeft))
}

/** False if there is no agent, or it will not. What an earlier call may have left frozen is let go first. */
async function freeze(host: QemuHost, machine: string): Promise<boolean> {
  let tried = false
  try {
    const count = await withAgent(host, machine, async (agent) => {
      await thawLeft(agent)
      tried = true
      return agent.execute<number>('guest-fsfreeze-freeze', undefined, freezeTimeoutMs)
    })
    return count !== undefined
  } catch {
    // It may have frozen without our hearing of it.
    return tried
  }
}

async function thawLeft(agent: GuestAgent): Promise<void> {
  if ((await agent.execute('guest-fsfreeze-status')) === 'frozen') await agent.execute('guest-fsfreeze-thaw')
}

/** Not even a worker that has lost its step may leave a guest frozen: this call is made outside of the step's scope. */
async function thaw(host: QemuHost, machine: string): Promise<void> {
  const outside = { signal: new AbortController().signal, beforeCall: () => undefined }
  await withCallScope(outside, async () => {
    for (let attempt = 1; ; attempt++) {
      try {
        await withAgent(host, machine, (agent) => agent.execute('guest-fsfreeze-thaw'))
        return
      } catch (error) {
        if (attempt === thawAttempts) throw error
      }
    }
  })
}

const freezeTimeoutMs = 5_000
const thawAttempts = 5

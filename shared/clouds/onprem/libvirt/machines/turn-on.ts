import type { LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'
import { hasAgent } from '#shared/clouds/onprem/libvirt/volumes/backup.ts'
import { pause } from '#shared/clouds/scope.ts'
import { domainOf } from './look.ts'

/**
 * Linux leaves what was added off unless its own rules turn it on; where the guest's agent answers it does. No agent, or one that may not: nothing.
 * @param vcpus how many it has now: a guest may see a new one some moments later, and says until then that it has fewer.
 */
export async function turnOnCpus(host: LibvirtHost, id: string, vcpus: number): Promise<void> {
  if (!(await listens(host, id))) return
  const untilMs = performance.now() + patienceMs
  const turnOn = () =>
    ask(host, ['setvcpus', id, `${vcpus}`, '--guest'], { mutating: true, resource: id }).then(
      () => true,
      () => false,
    )
  while (!(await turnOn()) && performance.now() < untilMs) await pause(200)
}

/** The same for memory. */
export async function turnOnMemory(host: LibvirtHost, id: string): Promise<void> {
  if (!(await listens(host, id))) return
  const command = async (execute: string, args?: object) => {
    const request = JSON.stringify({ execute, ...(args ? { arguments: args } : {}) })
    const mutating = !execute.startsWith('guest-get-')
    const { text } = await ask(host, ['qemu-agent-command', id, request], { mutating, resource: id })
    return JSON.parse(text) as { return?: { 'phys-index': number; online: boolean }[] }
  }
  try {
    const blocks = (await command('guest-get-memory-blocks')).return ?? []
    const off = blocks.filter(({ online }) => !online).map((block) => ({ ...block, online: true }))
    if (off.length > 0) await command('guest-set-memory-blocks', { 'mem-blks': off })
  } catch {
    // A guest that does not do what it is told keeps what it has.
  }
}

/** An emulated guest on a busy machine takes a second. */
const patienceMs = 5_000

async function listens(host: LibvirtHost, id: string): Promise<boolean> {
  const domain = await domainOf(host, id, 'now')
  return domain !== undefined && hasAgent(domain)
}

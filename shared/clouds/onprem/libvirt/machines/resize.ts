import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'
import { child, childrenOf, textOf } from '#shared/clouds/onprem/libvirt/xml.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { pause } from '#shared/clouds/scope.ts'
import type { Parts } from './base.ts'
import { write } from './define.ts'
import { domainOf, requireSpec, stateOf } from './look.ts'
import { turnOnCpus, turnOnMemory } from './turn-on.ts'

/** Changes vCPUs and memory, at once where the running guest takes part. False: it must be stopped for that, and nothing was changed. */
export async function resize(
  parts: Parts,
  id: string,
  size: { vcpus: number; memoryMib: number },
): Promise<boolean> {
  const { host } = parts
  const spec = await requireSpec(host, id)
  const state = await stateOf(host, id)
  if (state === 'saved')
    throw refusal('machines', `Machine ${id} is suspended, so its size cannot change.`, {
      code: 'conflict',
      remedy: 'Resume the VM or stop it, then do it again.',
    })
  const running = state === 'running' || state === 'paused'
  if (running && !(await grow(parts, spec, size))) return false
  await write(parts, withSize(spec, size), await domainOf(host, id))
  return true
}

const withSize = (
  spec: MachineSpec,
  { vcpus, memoryMib }: { vcpus: number; memoryMib: number },
): MachineSpec => ({
  ...spec,
  vcpus,
  memoryMib,
  maxVcpus: Math.max(spec.maxVcpus, vcpus),
  maxMemoryMib: Math.max(spec.maxMemoryMib, memoryMib),
})

/** Changes what a running guest has, as far as it was started with room for it. Memory first: it can be taken back, a processor stays. */
async function grow(
  { host }: Parts,
  { id }: MachineSpec,
  { vcpus, memoryMib }: { vcpus: number; memoryMib: number },
): Promise<boolean> {
  const domain = await domainOf(host, id, 'now')
  const cpus = child(domain, 'vcpu')
  const nowCpus = Number(cpus?.attributes['current'] ?? cpus?.text)
  const { baseMib, growth } = memoryOf(domain)
  const wantedMib = memoryMib - baseMib
  const sameMemory = wantedMib === (growth?.requestedMib ?? 0) && growth?.currentMib === growth?.requestedMib
  if (vcpus < nowCpus || vcpus > Number(cpus?.text)) return false
  if (
    !sameMemory &&
    (!growth || wantedMib < 0 || wantedMib > growth.sizeMib || wantedMib % growth.blockMib !== 0)
  )
    return false
  const call = { mutating: true, resource: id }
  if (!sameMemory && growth && !(await reach(host, id, wantedMib))) {
    await reach(host, id, growth.requestedMib)
    return false
  }
  if (vcpus > nowCpus) {
    await ask(host, ['setvcpus', id, `${vcpus}`, '--live'], call)
    await turnOnCpus(host, id, vcpus)
  }
  return true
}

/** Asks the guest to take memory, or give it back, and waits as long as it does something about it. One without a driver for it does nothing. */
async function reach(host: LibvirtHost, id: string, wantedMib: number): Promise<boolean> {
  const words = ['update-memory-device', id, '--live', '--requested-size', `${wantedMib}MiB`]
  await ask(host, words, { mutating: true, resource: id })
  const look = async () => memoryOf(await domainOf(host, id, 'now')).growth?.currentMib ?? 0
  let now = await look()
  const grows = now < wantedMib
  for (let idleMs = 0; now !== wantedMib; idleMs += 100) {
    if (idleMs >= patienceMs) return false
    await pause(100)
    if (grows) await turnOnMemory(host, id)
    const before = now
    now = await look()
    if (now !== before) idleMs = 0
  }
  if (grows) await turnOnMemory(host, id)
  return true
}

/** How long a guest may do nothing about memory that it is to take or give back. */
const patienceMs = 2_000

interface Growth {
  sizeMib: number
  blockMib: number
  requestedMib: number
  currentMib: number
}

/** What a running machine began with, and what its growth device has given since; libvirt tells in KiB. */
function memoryOf(domain: Awaited<ReturnType<typeof domainOf>>): { baseMib: number; growth?: Growth } {
  const totalMib = Number(textOf(domain, 'memory')) / 1024
  const device = childrenOf(child(domain, 'devices'), 'memory').find(
    ({ attributes }) => attributes['model'] === 'virtio-mem',
  )
  if (!device) return { baseMib: totalMib }
  const mib = (name: string) => Number(textOf(device, 'target', name) ?? 0) / 1024
  const growth = {
    sizeMib: mib('size'),
    blockMib: mib('block'),
    requestedMib: mib('requested'),
    currentMib: mib('current'),
  }
  return { baseMib: totalMib - growth.sizeMib, growth }
}

import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'
import { child, childrenOf, textOf } from '#shared/clouds/onprem/libvirt/xml.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { pause } from '#shared/clouds/scope.ts'
import type { Parts } from './base.ts'
import { write } from './define.ts'
import { domainOf, requireSpec, stateOf } from './look.ts'

/** Changes vCPUs and memory, at once where the running guest can take it. False: it must be stopped for that, and nothing was changed. */
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

/** Gives a running guest more. Taking away needs its help, and is refused. */
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
  const sameMemory = wantedMib === (growth?.requestedMib ?? 0)
  if (vcpus < nowCpus || vcpus > Number(cpus?.text)) return false
  if (
    !sameMemory &&
    (!growth ||
      wantedMib < growth.requestedMib ||
      wantedMib > growth.sizeMib ||
      wantedMib % growth.blockMib !== 0)
  )
    return false
  const call = { mutating: true, resource: id }
  if (!sameMemory && growth) {
    await ask(host, ['update-memory-device', id, '--live', '--requested-size', `${wantedMib}MiB`], call)
    if (!(await taken(() => domainOf(host, id, 'now'), wantedMib))) {
      await ask(
        host,
        ['update-memory-device', id, '--live', '--requested-size', `${growth.requestedMib}MiB`],
        call,
      )
      return false
    }
  }
  if (vcpus > nowCpus) await ask(host, ['setvcpus', id, `${vcpus}`, '--live'], call)
  return true
}

/** A guest without a driver for it takes none. */
async function taken(look: () => ReturnType<typeof domainOf>, wantedMib: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < takeLimitMs; waitedMs += 100) {
    if (memoryOf(await look()).growth?.currentMib === wantedMib) return true
    await pause(100)
  }
  return false
}

const takeLimitMs = 2_000

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

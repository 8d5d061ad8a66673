import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { growthMib, memoryBlockMib } from '#shared/clouds/onprem/qemu/machines/arguments.ts'
import {
  definitionOf,
  readLaunch,
  writeDefinition,
  writeLaunch,
  type Definition,
  type Launch,
} from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { addCpus, growthOf, presentCpus, setGrowth } from '#shared/clouds/onprem/qemu/machines/grow.ts'
import { withLock } from '#shared/clouds/onprem/qemu/machines/locking.ts'
import { turnOnCpus, turnOnMemory } from '#shared/clouds/onprem/qemu/machines/turn-on.ts'
import { runState, see } from '#shared/clouds/onprem/qemu/machines/status.ts'

export interface Size {
  vcpus: number
  memoryMib: number
}

/**
 * Changes what a machine has: of a stopped one what is written down, of a running one what it was started with room for. Memory counts as given
 * only when the guest has taken it. False, and all as before: it must be stopped for that. What a call that was cut off has changed is seen in
 * the machine itself, so the next one finishes it or takes it back.
 */
export const resizeMachine = (host: QemuHost, id: string, size: Size): Promise<boolean> =>
  withLock(host, id, async () => {
    for (const field of ['vcpus', 'memoryMib'] as const)
      if (!Number.isInteger(size[field]) || size[field] < 1)
        throw new HostError('invalid_request', `${field}: ${size[field]} is no size`)
    const definition = await definitionOf(host, id)
    const { spec } = definition
    const sight = await see(host, id)
    const isSame = spec.vcpus === size.vcpus && spec.memoryMib === size.memoryMib
    if (sight?.state === 'saved') return isSame
    if (sight?.process && !(await resizeRunning(host, definition, size))) return false
    if (isSame) return true
    await writeDefinition(host, {
      ...definition,
      spec: {
        ...spec,
        ...size,
        maxVcpus: Math.max(spec.maxVcpus, size.vcpus),
        maxMemoryMib: Math.max(spec.maxMemoryMib, size.memoryMib),
      },
    })
    return true
  })

/** Memory first, because a guest may refuse it and it can be taken back; a processor stays once it is there. */
async function resizeRunning(host: QemuHost, { spec: { id } }: Definition, size: Size): Promise<boolean> {
  const launch = await readLaunch(host, id)
  if (!launch) return false
  if ((await runState(host, id, host.context.requestTimeoutMs)) !== 'running') return false
  return await host.monitor(id, async (monitor) => {
    const cpus = await presentCpus(monitor)
    const growth = await growthOf(monitor, launch)
    if (!fits(launch, cpus, growth.requestedBytes, size)) return false
    const bytes = (size.memoryMib - launch.memoryMib) * 2 ** 20
    if (growth.requestedBytes !== bytes || growth.takenBytes !== bytes) {
      const taken = await setGrowth(monitor, {
        before: growth.requestedBytes,
        wanted: bytes,
        patienceMs: Math.min(host.context.shutdownGraceMs, memoryPatienceMs),
        meanwhile: () => turnOnMemory(host, id),
      })
      if (!taken) return false
    }
    // What is started to go on with its memory must have as many.
    if (launch.vcpus !== size.vcpus) await writeLaunch(host, id, { ...launch, vcpus: size.vcpus })
    if (cpus < size.vcpus) {
      await addCpus(monitor, size.vcpus)
      await turnOnCpus(host, id, size.vcpus)
    }
    return true
  })
}

/** CPUs are only added: a guest need not give one back. */
const fits = (launch: Launch, cpus: number, requestedBytes: number, { vcpus, memoryMib }: Size): boolean =>
  vcpus >= cpus &&
  vcpus <= launch.maxVcpus &&
  ((memoryMib - launch.memoryMib) * 2 ** 20 === requestedBytes ||
    (memoryMib >= launch.memoryMib &&
      memoryMib - launch.memoryMib <= growthMib(launch) &&
      (memoryMib - launch.memoryMib) % memoryBlockMib === 0))

/** How long a guest may do nothing about memory that it is to take or give back. */
const memoryPatienceMs = 5_000

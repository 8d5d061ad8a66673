import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { withAgent } from '#shared/clouds/onprem/qemu/machines/agent.ts'
import { growthMib, memoryBlockMib } from '#shared/clouds/onprem/qemu/machines/arguments.ts'
import {
  definitionOf,
  readLaunch,
  writeDefinition,
  writeLaunch,
  type Definition,
  type Launch,
} from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { withLock } from '#shared/clouds/onprem/qemu/machines/locking.ts'
import { runState, see } from '#shared/clouds/onprem/qemu/machines/status.ts'
import type { Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import { pause } from '#shared/clouds/scope.ts'

export interface Size {
  vcpus: number
  memoryMib: number
}

/**
 * Changes what a machine has: of a stopped one what is written down, of a running one what it was started with room for. Memory counts as given
 * only when the guest has taken it. False, and all as before: it must be stopped for that.
 */
export const resizeMachine = (host: QemuHost, id: string, size: Size): Promise<boolean> =>
  withLock(host, id, async () => {
    for (const field of ['vcpus', 'memoryMib'] as const)
      if (!Number.isInteger(size[field]) || size[field] < 1)
        throw new HostError('invalid_request', `${field}: ${size[field]} is no size`)
    const definition = await definitionOf(host, id)
    const { spec } = definition
    if (spec.vcpus === size.vcpus && spec.memoryMib === size.memoryMib) return true
    const sight = await see(host, id)
    if (sight?.state === 'saved') return false
    if (sight?.process && !(await resizeRunning(host, definition, size))) return false
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

async function resizeRunning(host: QemuHost, { spec }: Definition, size: Size): Promise<boolean> {
  const launch = await readLaunch(host, spec.id)
  if (!launch || !fits(launch, spec, size)) return false
  if ((await runState(host, spec.id, host.context.requestTimeoutMs)) !== 'running') return false
  return await host.monitor(spec.id, async (monitor) => {
    if (size.memoryMib !== spec.memoryMib) {
      const before = (spec.memoryMib - launch.memoryMib) * 2 ** 20
      const wanted = (size.memoryMib - launch.memoryMib) * 2 ** 20
      if (!(await changeMemory(monitor, { before, wanted, patienceMs: host.context.shutdownGraceMs })))
        return false
    }
    if (size.vcpus > spec.vcpus) {
      await addCpus(monitor, size.vcpus)
      await writeLaunch(host, spec.id, { ...launch, vcpus: size.vcpus })
      await bringUp(host, spec.id)
    }
    return true
  })
}

/** CPUs are only added: a guest need not give one back. */
const fits = (launch: Launch, now: Size, { vcpus, memoryMib }: Size): boolean =>
  vcpus >= now.vcpus &&
  vcpus <= launch.maxVcpus &&
  (memoryMib === now.memoryMib ||
    (memoryMib >= launch.memoryMib &&
      memoryMib - launch.memoryMib <= growthMib(launch) &&
      (memoryMib - launch.memoryMib) % memoryBlockMib === 0))

/** Asks the guest to take memory, or give it back; false, and asked to leave it, if it has not done so in time. */
async function changeMemory(
  monitor: Monitor,
  { before, wanted, patienceMs }: { before: number; wanted: number; patienceMs: number },
): Promise<boolean> {
  const ask = (bytes: number) =>
    monitor.execute('qom-set', {
      path: '/machine/peripheral/growth',
      property: 'requested-size',
      value: bytes,
    })
  const taken = () =>
    monitor.execute<number>('qom-get', { path: '/machine/peripheral/growth', property: 'size' })
  await ask(wanted)
  const untilMs = performance.now() + Math.min(patienceMs, memoryPatienceMs)
  for (let delayMs = 10; (await taken()) !== wanted; delayMs = Math.min(200, delayMs * 1.5)) {
    if (performance.now() > untilMs) {
      await ask(before)
      return false
    }
    await pause(delayMs)
  }
  return true
}

interface CpuSlot {
  type: string
  props: Record<string, number>
  'vcpus-count': number
  'qom-path'?: string
}

/** Fills empty slots, in QEMU's order from the lowest, until there are so many; one that an earlier call added counts. */
async function addCpus(monitor: Monitor, count: number): Promise<void> {
  const slots = (await monitor.execute<CpuSlot[]>('query-hotpluggable-cpus')).toReversed()
  let present = slots.filter((slot) => slot['qom-path'] !== undefined).length
  for (const { type, props, 'qom-path': path } of slots) {
    if (present >= count) return
    if (path !== undefined) continue
    const id = `cpu${['socket-id', 'die-id', 'core-id', 'thread-id'].map((part) => props[part] ?? 0).join('-')}`
    await monitor.execute('device_add', { driver: type, id, ...props })
    present += 1
  }
}

/** Linux leaves a new CPU off unless somebody turns it on; where the agent answers it does. */
async function bringUp(host: QemuHost, id: string): Promise<void> {
  await withAgent(host, id, async (agent) => {
    const cpus = await agent.execute<{ 'logical-id': number; online: boolean }[]>('guest-get-vcpus')
    const off = cpus.filter((cpu) => !cpu.online).map((cpu) => ({ ...cpu, online: true }))
    if (off.length > 0) await agent.execute('guest-set-vcpus', { vcpus: off })
  }).catch(() => undefined)
}

const memoryPatienceMs = 5_000

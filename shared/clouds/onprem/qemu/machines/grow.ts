import { growthMib } from '#shared/clouds/onprem/qemu/machines/arguments.ts'
import type { Launch } from '#shared/clouds/onprem/qemu/machines/definition.ts'
import type { Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import { pause } from '#shared/clouds/scope.ts'

/** How many processors a running machine has. */
export const presentCpus = async (monitor: Monitor): Promise<number> =>
  (await slotsOf(monitor)).filter((slot) => slot['qom-path'] !== undefined).length

/** Fills empty slots, in QEMU's order from the lowest, until there are so many; one that an earlier call added counts. */
export async function addCpus(monitor: Monitor, count: number): Promise<void> {
  const slots = await slotsOf(monitor)
  let present = slots.filter((slot) => slot['qom-path'] !== undefined).length
  for (const { type, props, 'qom-path': path } of slots) {
    if (present >= count) return
    if (path !== undefined) continue
    const id = `cpu${['socket-id', 'die-id', 'core-id', 'thread-id'].map((part) => props[part] ?? 0).join('-')}`
    await monitor.execute('device_add', { driver: type, id, ...props })
    present += 1
  }
}

/** Memory beyond what a machine was started with: what its guest is asked to have, and what it has taken of that. */
export interface Growth {
  requestedBytes: number
  takenBytes: number
}

export async function growthOf(monitor: Monitor, launch: Launch): Promise<Growth> {
  if (growthMib(launch) === 0) return { requestedBytes: 0, takenBytes: 0 }
  const read = (property: string) => monitor.execute<number>('qom-get', { path: growthPath, property })
  return { requestedBytes: await read('requested-size'), takenBytes: await read('size') }
}

/**
 * Asks the guest to take memory, or give it back, and waits as long as it does something about it. False, and asked for what it had before, if it
 * stops doing so.
 * @param patienceMs how long it may do nothing.
 * @param meanwhile done each time before it is looked at again while it takes memory.
 */
export async function setGrowth(
  monitor: Monitor,
  options: { before: number; wanted: number; patienceMs: number; meanwhile: () => Promise<void> },
): Promise<boolean> {
  const { before, wanted } = options
  if (await reach(monitor, wanted, options)) return true
  await reach(monitor, before, options)
  return false
}

async function reach(
  monitor: Monitor,
  bytes: number,
  { patienceMs, meanwhile }: { patienceMs: number; meanwhile: () => Promise<void> },
): Promise<boolean> {
  const taken = () => monitor.execute<number>('qom-get', { path: growthPath, property: 'size' })
  await monitor.execute('qom-set', { path: growthPath, property: 'requested-size', value: bytes })
  let now = await taken()
  const help = now < bytes ? meanwhile : async () => {}
  let untilMs = performance.now() + patienceMs
  for (let delayMs = 10; now !== bytes; delayMs = Math.min(200, delayMs * 1.5)) {
    if (performance.now() > untilMs) return false
    await pause(delayMs)
    await help()
    const before = now
    now = await taken()
    if (now !== before) untilMs = performance.now() + patienceMs
  }
  await help()
  return true
}

interface CpuSlot {
  type: string
  props: Record<string, number>
  'vcpus-count': number
  'qom-path'?: string
}

/** From the lowest; QEMU lists them the other way. */
const slotsOf = async (monitor: Monitor): Promise<CpuSlot[]> =>
  (await monitor.execute<CpuSlot[]>('query-hotpluggable-cpus')).toReversed()

const growthPath = '/machine/peripheral/growth'

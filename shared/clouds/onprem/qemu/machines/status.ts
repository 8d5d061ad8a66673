import { access, readdir } from 'node:fs/promises'
import { CloudError } from '#shared/clouds/errors.ts'
import type { MachineState, MachineStatus } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { peekDefinition } from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { findProcess } from '#shared/clouds/onprem/qemu/machines/find-process.ts'
import { withMonitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import type { ProcessId } from '#shared/clouds/onprem/qemu/process.ts'
import { pause } from '#shared/clouds/scope.ts'
import { isErrno } from '#shared/services/process.ts'

/** What is seen of a machine from outside; with a process, only that can tell its state. */
export interface Sight {
  id: string
  process?: ProcessId
  /** Of one without a process. */
  state: MachineState
  /** See Definition. */
  leftFor?: string
}

/** Undefined: there is no such machine. */
export const see = (host: QemuHost, id: string): Promise<Sight | undefined> =>
  host.gate({ operation: 'record get', mutating: false, resource: id }, () => look(host, id))

/** All machines that are written down here. */
export const seeAll = (host: QemuHost): Promise<Sight[]> =>
  host.gate({ operation: 'record list', mutating: false, resource: 'machine' }, async () => {
    const ids: string[] = await readdir(host.layout.machines).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return []
      throw error
    })
    const found = await inBatches(ids.toSorted(), 64, (id) => look(host, id))
    return found.filter((sight) => sight !== undefined)
  })

export async function statusOf(host: QemuHost, sight: Sight): Promise<MachineStatus> {
  const { id, process, leftFor } = sight
  // Until whoever moved it has finished here.
  if (leftFor !== undefined) return { id, state: 'paused', leftFor }
  return { id, state: process ? await askState(host, id) : sight.state }
}

export async function statusOfAll(host: QemuHost): Promise<MachineStatus[]> {
  return await inBatches(await seeAll(host), 8, (sight) => statusOf(host, sight))
}

/** QEMU's own word for what a running process does (`RunState` of its QMP reference); undefined if it ended meanwhile. */
export const runState = (host: QemuHost, id: string, patienceMs: number): Promise<string | undefined> =>
  withMonitor(
    { gate: host.gate, sockets: host.layout.machine(id).monitors, resource: id, patienceMs },
    async (monitor) => (await monitor.execute<{ status: string }>('query-status')).status,
  ).catch((error: unknown) => {
    if (error instanceof CloudError && error.vendorCode === 'guest_not_running') return undefined
    throw error
  })

async function look(host: QemuHost, id: string): Promise<Sight | undefined> {
  const definition = await peekDefinition(host, id)
  if (definition === undefined) return undefined
  const paths = host.layout.machine(id)
  const { process, left } = await findProcess(paths, id)
  const away = definition.leftFor === undefined ? {} : { leftFor: definition.leftFor }
  if (process) return { id, process, state: 'running', ...away }
  if (definition.leftFor !== undefined) return { id, state: 'paused', ...away }
  if (await isThere(paths.memory)) return { id, state: 'saved' }
  return { id, state: left ? 'crashed' : 'stopped' }
}

/** One whose monitors are taken, by workers that are busy with it, runs as far as anybody can tell. */
async function askState(host: QemuHost, id: string): Promise<MachineState> {
  for (let turn = 1; ; turn += 1) {
    try {
      const word = await runState(host, id, 2_000)
      return word === undefined ? await stateNow(host, id) : (states[word] ?? 'running')
    } catch (error) {
      if (!(error instanceof CloudError)) throw error
      if (error.vendorCode === 'monitor_busy') return 'running'
      if (error.code !== 'network' || turn === looks) throw error
      // Cut off by its end, perhaps: a process closes its sockets a while before it is gone.
      const sight = await see(host, id)
      if (sight && !sight.process) return sight.state
      await pause(lookAgainMs * turn)
    }
  }
}

const looks = 6
const lookAgainMs = 50

/** Nobody listens: it has ended meanwhile, or is only just starting. */
async function stateNow(host: QemuHost, id: string): Promise<MachineState> {
  const sight = await see(host, id)
  if (!sight) return 'stopped'
  return sight.process ? 'paused' : sight.state
}

const states: Readonly<Record<string, MachineState>> = {
  running: 'running',
  suspended: 'running',
  watchdog: 'running',
  shutdown: 'stopped',
  'guest-panicked': 'crashed',
  'internal-error': 'crashed',
  paused: 'paused',
  'io-error': 'paused',
  prelaunch: 'paused',
  inmigrate: 'paused',
  'restore-vm': 'paused',
  'save-vm': 'paused',
  'finish-migrate': 'paused',
  postmigrate: 'paused',
  debug: 'paused',
  colo: 'paused',
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

async function inBatches<In, Out>(
  items: readonly In[],
  size: number,
  work: (item: In) => Promise<Out>,
): Promise<Out[]> {
  const done: Out[] = []
  for (let start = 0; start < items.length; start += size)
    done.push(...(await Promise.all(items.slice(start, start + size).map(work))))
  return done
}

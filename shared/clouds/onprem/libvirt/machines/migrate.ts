import type {
  LiveMigration,
  LiveMigrationResult,
  MachineSpec,
  VolumeRef,
} from '#shared/clouds/onprem/host.ts'
import { checkedUuid } from '#shared/clouds/onprem/libvirt/names.ts'
import { outputFile } from '#shared/clouds/onprem/libvirt/virsh.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'
import { poolPath, unless } from '#shared/clouds/onprem/libvirt/volumes/pools.ts'
import { parseXml, toXml } from '#shared/clouds/onprem/libvirt/xml.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { pause } from '#shared/clouds/scope.ts'
import type { Parts } from './base.ts'
import { consolePath, ensureConsole, removeConsole } from './console.ts'
import { openForwards } from './forwards.ts'
import { domainOf, findSpec, stateOf, unlessGone } from './look.ts'
import { movedDomain } from './moved.ts'

/**
 * Moves a running machine with its disks. libvirt copies the disks and then the memory while the guest runs, and lets it run on one side only;
 * if this process ends meanwhile it gives up, and the machine stays where it was. https://libvirt.org/manpages/virsh.html#migrate
 */
export async function migrateLive(
  parts: Parts,
  id: string,
  to: Parts | undefined,
  { volumes, ...limits }: LiveMigration,
): Promise<LiveMigrationResult> {
  if (!to)
    throw refusal('machines', 'A machine moves to a host of the same driver only.', { code: 'unsupported' })
  const spec = await findSpec(parts.host, checkedUuid(id))
  let diskBytes = 0
  if (spec) {
    diskBytes = await allocated(parts, spec)
    await assertMovable(parts, spec, volumes)
    await parts.records.put(leavingKind, id, spec)
    const there = await makeReady(parts, to, spec, volumes)
    await move(parts, to, there, limits)
  }
  // Here its forwards ended with its process.
  const moved = await findSpec(to.host, id)
  if (!moved) throw refusal('machines', `There is no machine ${id} on either host.`, { code: 'not_found' })
  await openForwards(to, moved)
  await clearAway(parts, id)
  return { ...(await resultOf(to, id)), diskBytes }
}

/** Kind of the records of machines that are moving away, by id: which volumes are to go once it has gone. */
const leavingKind = 'leaving'

async function assertMovable(
  parts: Parts,
  { id, disks }: MachineSpec,
  volumes: readonly VolumeRef[],
): Promise<void> {
  const state = await stateOf(parts.host, id)
  if (state !== 'running')
    throw refusal('machines', `Machine ${id} is ${state}, and only a running one is moved.`, {
      code: 'conflict',
    })
  if (volumes.length !== disks.length)
    throw refusal('machines', `volumes: machine ${id} has ${disks.length} disks, not ${volumes.length}.`, {
      code: 'invalid_request',
    })
  if (disks.some(({ readOnly }) => readOnly))
    throw refusal('machines', `Machine ${id} has a read-only disk, which libvirt does not copy.`, {
      code: 'unsupported',
      remedy: 'Detach it, or stop the VM and move it then.',
    })
}

/** Empty volumes, the seed, keys, filters and the console's file. What an earlier attempt has left is made anew. */
async function makeReady(
  parts: Parts,
  to: Parts,
  spec: MachineSpec,
  volumes: readonly VolumeRef[],
): Promise<MachineSpec> {
  const { host } = parts
  const disks = await Promise.all(
    spec.disks.map(async (disk, index) => ({
      ...disk,
      volume: volumes[index] ?? disk.volume,
      from: disk.volume,
    })),
  )
  for (const { volume, from } of disks) {
    const facts = await parts.volumes.get(from)
    if (!facts) throw refusal('machines', `Volume ${from.name} is not there.`, { code: 'not_found' })
    await to.volumes.delete(volume)
    await to.volumes.create(volume, { sizeBytes: facts.sizeBytes })
  }
  if (spec.seed) {
    const { pool, name } = spec.seed
    const words = ['vol-download', '--vol', name, '--pool', pool, outputFile] as const
    const { output } = await ask(host, words, { mutating: false, resource: name })
    await to.volumes.writeFile(spec.seed, output)
  }
  await to.networks.filtersOf(spec)
  await ensureConsole(to.host, spec.id)
  return { ...spec, disks: disks.map(({ from: _from, ...disk }) => disk) }
}

async function move(
  parts: Parts,
  to: Parts,
  there: MachineSpec,
  { maxDowntimeMs, onProgress }: Omit<LiveMigration, 'volumes'>,
): Promise<void> {
  const { host } = parts
  const { id } = there
  const call = { mutating: true, resource: id }
  const { text } = await ask(host, ['dumpxml', '--migratable', id], { mutating: false, resource: id })
  const disks = await Promise.all(there.disks.map((disk) => to.volumes.diskElement(disk)))
  const content = toXml(
    movedDomain(parseXml(text), there, { disks, console: await consolePath(to.host, id) }),
  )
  await ask(host, ['migrate-setmaxdowntime', id, `${Math.floor(maxDowntimeMs)}`], call)
  const virsh = host.connect()
  const watching = new AbortController()
  const watcher = watch(parts, id, onProgress, watching.signal)
  try {
    const words = [
      'migrate',
      '--live',
      '--persistent',
      '--undefinesource',
      '--copy-storage-all',
      '--abort-on-error',
    ]
    const definition = ['--xml', { content }, '--persistent-xml', { content }]
    const way = await wayTo(parts, to, id)
    await ask(host, [...words, id, to.host.uri(), ...way, ...definition], {
      ...call,
      timeoutMs: Infinity,
      virsh,
    })
  } finally {
    watching.abort()
    virsh.close()
    await watcher
  }
}

/** Between daemons of one machine by sockets; over a network with TLS only, since memory and disks go through it as they are. */
async function wayTo({ host }: Parts, to: Parts, id: string): Promise<string[]> {
  if (host.ssh || to.host.ssh) return ['--tls']
  const [pool] = await to.volumes.pools()
  const folder = await poolPath(to.host, pool?.name ?? '')
  return ['--migrateuri', `unix://${folder}/nc-m-${id}`, '--disks-uri', `unix://${folder}/nc-d-${id}`]
}

/** Tells how far it is, and ends what will never be done: a guest that changes its memory faster than it is copied. */
async function watch(
  { host }: Parts,
  id: string,
  onProgress: LiveMigration['onProgress'],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await pause(200)
    const job = await jobOf(host, id, []).catch(() => undefined)
    if (!job || signal.aborted) continue
    if ((job.get('memory_iteration') ?? 0) > mostRounds)
      await ask(host, ['domjobabort', id], { mutating: true, resource: id }).catch(() => undefined)
    const total = job.get('data_total')
    if (total !== undefined) onProgress?.(job.get('data_processed') ?? 0, total)
  }
}

const mostRounds = 60

/** `domjobinfo --rawstats`: a name and a number on each line. */
async function jobOf(host: Parts['host'], id: string, more: string[]): Promise<Map<string, number>> {
  const { text } = await ask(host, ['domjobinfo', id, '--rawstats', ...more], {
    mutating: false,
    resource: id,
  })
  return new Map(
    text.split('\n').flatMap((line): [string, number][] => {
      const [, name, value] = /^\s*(\w+):?\s+(\d+)/.exec(line) ?? []
      return name === undefined ? [] : [[name, Number(value)]]
    }),
  )
}

/** Only once the machine is gone from here for good. */
async function clearAway({ host, volumes, networks, records }: Parts, id: string): Promise<void> {
  const left = (await records.get(leavingKind, id)) as MachineSpec | undefined
  if (!left || (await domainOf(host, id).catch(unlessGone))) return
  for (const { volume } of left.disks) await volumes.delete(volume)
  if (left.seed) await volumes.delete(left.seed)
  await networks.dropFiltersOf(left)
  await removeConsole(host, id)
  await records.remove(leavingKind, id)
}

/** libvirt copies what is allocated, but keeps no count of it once it is done. */
async function allocated({ volumes }: Parts, { disks }: MachineSpec): Promise<number> {
  const facts = await Promise.all(disks.map(({ volume }) => volumes.get(volume)))
  return facts.reduce((sum, each) => sum + (each?.allocatedBytes ?? 0), 0)
}

/** What libvirt counted; the host that took it in keeps that. */
async function resultOf({ host }: Parts, id: string): Promise<Omit<LiveMigrationResult, 'diskBytes'>> {
  const job = await jobOf(host, id, ['--completed']).catch(unless('VIR_ERR_OPERATION_INVALID'))
  return {
    downtimeMs: job?.get('downtime') ?? 0,
    memoryBytes: job?.get('memory_processed') ?? 0,
  }
}

import type { ForgetMachine, ForgetVolume } from '#shared/clouds/onprem/compute/needs.ts'
import type { Host } from '#shared/clouds/onprem/hosts.ts'
import type { SnapshotRecord, UsageRecord, VmRecord, VolumeRecord } from '#shared/clouds/onprem/records.ts'

/** Keeps what a VM had on this host for the bill, before its record goes or moves to another host; and removes what was measured of it. */
export const forgetMachine: ForgetMachine = async (host, vm, body) => {
  await keepUsage(host, vm, body)
  await host.records.remove('metrics', vm)
}

/** Keeps what a VM had until now for the bill, before it has something else. */
export async function keepUsage(
  { records }: Pick<Host, 'records'>,
  vm: string,
  body: VmRecord,
): Promise<void> {
  const { name, tags, createdAt, instanceType, vcpus, memoryMib, powered } = body
  const [first] = powered
  if (first === undefined) return
  const deletedAt = new Date().toISOString()
  const ended = powered.map(({ on, off = deletedAt }) => ({ on, off }))
  // By when it began: a VM that comes back to the host later has another record, and a retry has the same.
  await records.insert('usage', `${vm}-${Date.parse(first.on)}`, {
    name,
    tags,
    createdAt,
    deletedAt,
    resource: vm,
    vm: { instanceType, vcpus, memoryMib, powered: ended },
  })
}

/** The same for a volume. */
export const forgetVolume: ForgetVolume = async ({ records }, volume, body) => {
  const { sizeBytes, type } = body
  await keepStorage(records, volume, body, { volume: { sizeBytes, type } })
}

/** The same for a snapshot. */
export async function forgetSnapshot(
  { records }: Pick<Host, 'records'>,
  snapshot: string,
  body: SnapshotRecord,
): Promise<void> {
  const { storedBytes } = body
  if (storedBytes !== undefined) await keepStorage(records, snapshot, body, { snapshot: { storedBytes } })
}

/** By when it came to the host: it may come back, and a retry has the same. */
async function keepStorage(
  records: Host['records'],
  resource: string,
  { name, tags, createdAt, arrivedAt = createdAt }: VolumeRecord | SnapshotRecord,
  what: Pick<UsageRecord, 'volume' | 'snapshot'>,
): Promise<void> {
  const deletedAt = new Date().toISOString()
  await records.insert('usage', `${resource}-${Date.parse(arrivedAt)}`, {
    name,
    tags,
    createdAt: arrivedAt,
    deletedAt,
    resource,
    ...what,
  })
}

/** Removes what ended so long ago that nobody asks for its bill any more. */
export async function pruneUsage({ records }: Host, nowMs: number = Date.now()): Promise<void> {
  for (const { id, body } of await records.list('usage'))
    if (nowMs - Date.parse(body.deletedAt) > keptMs) await records.remove('usage', id)
}

/** Thirteen months, so that a month can be compared with the same one a year before. */
const keptMs = 397 * 86_400_000

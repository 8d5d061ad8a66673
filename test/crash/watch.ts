import { newId } from '#shared/ids.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import type { CloudName, Pair } from '#test/crash/pair.ts'
import type { JobEvent, World } from '#test/crash/world.ts'

/** Operations that write a chunk. */
export const chunkWrites = ['PutSnapshotBlock', 'PageBlob_UploadPages', 'storage.objects.insert']

/** Makes every write of a chunk take so long that a test can step in before the copy is over. */
export function slowCopyDown(pair: Pair, delayMs = 150): void {
  for (const operation of chunkWrites) pair.inject({ operation, mode: 'delay', delayMs, times: 100_000 })
}

/** The call of each step that changes something, on either cloud; the other steps only look. */
export const changes: Record<string, string[]> = {
  stop_source: ['StopInstances', 'VirtualMachines_Deallocate', 'compute.instances.stop'],
  snapshot: ['CreateSnapshot', 'Snapshots_CreateOrUpdate', 'compute.disks.createSnapshot'],
  create_disk: ['StartSnapshot', 'Disks_CreateOrUpdate', 'storage.objects.insert'],
  copy: chunkWrites,
  create_vm: ['RunInstances', 'VirtualMachines_CreateOrUpdate', 'compute.instances.insert'],
  clean_up: ['DeleteSnapshot', 'Snapshots_Delete', 'compute.snapshots.delete'],
}

/** Lets a migration come to `step` and holds it there. */
export async function comeTo(
  world: World,
  pair: Pair,
  step: string,
  input: Parameters<Pair['migrate']>[0] = {},
): Promise<{ jobId: string; begin: () => Promise<void> }> {
  const jobId = newId('job')
  const gate = await world.hold(jobId, 'do', step)
  await pair.migrate(input, jobId)
  await world.until(`${step} to be next`, () => gate.reached())
  return { jobId, begin: () => gate.open() }
}

/** Makes the calls of a step that change something (or all, if none does) take so long. @returns whether such a call has arrived since. */
export function delayCalls(
  pair: Pair,
  step: string,
  delayMs: number,
  operations = changes[step] ?? ['*'],
): () => boolean {
  for (const operation of operations) pair.inject({ operation, mode: 'delay', delayMs, times: 100_000 })
  const before = pair.calls().length
  return () =>
    pair
      .calls()
      .slice(before)
      .some(({ operation }) => operations.includes(operation) || operations.includes('*'))
}

/** What a cloud holds, by kind: `azure vm`. */
export const kindsOf = (leftovers: readonly string[]): string[] =>
  leftovers.map((entry) => entry.split(' ').slice(0, 2).join(' ')).toSorted()

/** What is there after a migration to a cloud, and nothing else. */
export const movedVm: Record<CloudName, string[]> = {
  aws: ['aws instance', 'aws volume'],
  azure: ['azure disk', 'azure nic', 'azure vm'],
  gcp: ['gcp disks', 'gcp instances'],
}

/** How each cloud says that something is forbidden. */
export const refusals: Record<CloudName, Pick<Fault, 'code' | 'status'>> = {
  aws: { code: 'UnauthorizedOperation', status: 403 },
  azure: { code: 'AuthorizationFailed', status: 403 },
  gcp: { code: 'forbidden', status: 403 },
}

/** Waits until at least so many chunks are in the journal; the copy is then still going on. */
export const midCopy = (world: World, jobId: string, chunks: number): Promise<number> =>
  world.until(`${chunks} chunks to be copied`, async () => {
    const copied = await world.copiedChunks(jobId)
    return copied >= chunks && copied
  })

/** How often a chunk was written. Sealing an Azure disk writes once more: the footer; to Google Cloud much else is written, too. */
export const countChunkWrites = ({ destination: { name, loopback } }: Pair): number =>
  loopback
    .calls()
    .filter(
      ({ operation, resource = '' }) =>
        chunkWrites.includes(operation) && (name !== 'gcp' || resource.includes('/chunks/')),
    ).length - (name === 'azure' ? 1 : 0)

/** How often each operation that changes something had its effect, less those that may be repeated without harm (grants of access). */
export function effects(pair: Pair): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { mutating, operation, status = 0 } of pair.calls())
    if (mutating && status < 300 && !operation.endsWith('Access'))
      counts[operation] = (counts[operation] ?? 0) + 1
  return counts
}

/** The job's progress as its events tell it. */
export const progressOf = (events: readonly JobEvent[]): number[] =>
  events.filter(({ type }) => type === 'progress').map(({ data }) => Number(data['progress']))

export const isAscending = (figures: readonly number[]): boolean =>
  figures.every((figure, nr) => nr === 0 || figure >= (figures[nr - 1] ?? 0))

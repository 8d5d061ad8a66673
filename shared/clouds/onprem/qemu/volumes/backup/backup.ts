import { rm } from 'node:fs/promises'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { HostVolumes, VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { findJob, type Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import {
  addTarget,
  awaitJob,
  endJob,
  jobOf,
  type BackupJob,
} from '#shared/clouds/onprem/qemu/volumes/backup/job.ts'
import { bitmapsOf, dropMarks, isTracked } from '#shared/clouds/onprem/qemu/volumes/backup/marks.ts'
import { withPlace, type Place } from '#shared/clouds/onprem/qemu/volumes/backup/places.ts'
import { letGo, quiesced } from '#shared/clouds/onprem/qemu/volumes/backup/quiesce.ts'
import { getVolume, readFacts } from '#shared/clouds/onprem/qemu/volumes/facts.ts'
import { chainOf, followChain, pathOf, unfinished } from '#shared/clouds/onprem/qemu/volumes/files.ts'
import { nodeOf } from '#shared/clouds/onprem/qemu/volumes/graph.ts'
import { copyVolume, finish, makeUnfinished } from '#shared/clouds/onprem/qemu/volumes/make.ts'
import { callSignal } from '#shared/clouds/scope.ts'

type Options = Parameters<HostVolumes['backup']>[2]
type Result = Awaited<ReturnType<HostVolumes['backup']>>

/**
 * See HostVolumes.backup. The mark and the copy begin in one transaction, so that nothing is written between them. The copy goes to a file that
 * takes its name when it is durable. A copy that a dead worker began and QEMU still makes is taken up; all else that is left of it is removed.
 */
export async function backup(
  host: QemuHost,
  volume: VolumeRef,
  target: VolumeRef,
  options: Options,
): Promise<Result> {
  const done = await getVolume(host, target)
  if (done) return { incremental: done.backing !== undefined, copiedBytes: 0 }
  if (volume.format === 'raw') return copyWhole(host, volume, target)
  return withPlace(host, volume, options.machine, async (place) => {
    const job = jobOf(target.name)
    try {
      const { incremental } =
        (await resume(host, place, job, target)) ??
        (await begin(host, place, job, { volume, target, options }))
      const copiedBytes = await awaitJob(place, job, {
        stallMs: stallTimeouts * host.context.requestTimeoutMs,
        ...(options.onProgress && { onProgress: options.onProgress }),
      })
      // Closes the file there, by which its tables are written.
      await endJob(place, job)
      await finish(host, target, unfinished(pathOf(host, target)))
      return { incremental, copiedBytes }
    } catch (error) {
      if (!callSignal()?.aborted) await undo(host, place, job, target).catch(() => undefined)
      throw error
    }
  })
}

/** How many times longer than any other call a copy may stand still. */
const stallTimeouts = 4

/** Marks live in qcow2 files alone. */
async function copyWhole(host: QemuHost, volume: VolumeRef, target: VolumeRef): Promise<Result> {
  await copyVolume(host, volume, target)
  const copied = await getVolume(host, target)
  return { incremental: false, copiedBytes: copied?.allocatedBytes ?? 0 }
}

/** The copy that an earlier call began, if it is under way or has ended well. */
async function resume(
  host: QemuHost,
  place: Place,
  job: BackupJob,
  target: VolumeRef,
): Promise<{ incremental: boolean } | undefined> {
  const found = await place.ask((monitor) => findJob(monitor, job.id))
  if (found === undefined || found.error !== undefined) return undefined
  await letGo(host, place.machine)
  const facts = await host.gate({ operation: 'qemu-img info', mutating: false, resource: target.name }, () =>
    readFacts(unfinished(pathOf(host, target)), target.name, 'qcow2'),
  )
  return facts && { incremental: facts.backing !== undefined }
}

async function begin(
  host: QemuHost,
  place: Place,
  job: BackupJob,
  { volume, target, options }: { volume: VolumeRef; target: VolumeRef; options: Options },
): Promise<{ incremental: boolean }> {
  await endJob(place, job)
  const since = options.since && (await usable(host, place, options.since)) ? options.since : undefined
  const { sizeBytes } = (await getVolume(host, volume)) ?? {}
  if (sizeBytes === undefined) throw new HostError('not_found', `there is no volume ${volume.name}`)
  const fresh = await makeUnfinished(host, target, { sizeBytes, ...(since && { backing: since }) })
  const chain = await host.gate(
    { operation: 'qemu-img info', mutating: false, resource: target.name },
    async () => followChain(host, fresh),
  )
  const passphrase = target.keyName === undefined ? undefined : host.context.passphrase(target.keyName)
  const definition = nodeOf(chain, {
    format: 'qcow2',
    readOnly: false,
    ...(passphrase !== undefined && { secretId: job.secretId }),
  })
  const isFlat = (await chainOf(host, volume)).length === 1
  await place.ask(async (monitor) => {
    await dropMarks(monitor, place, target.name)
    await addTarget(monitor, job, definition, passphrase)
  })
  await quiesced(host, place.machine, () =>
    place.ask((monitor) => start(monitor, place, { job, mark: target.name, since, isFlat })),
  )
  return { incremental: since !== undefined }
}

async function start(
  monitor: Monitor,
  { node }: Place,
  {
    job,
    mark,
    since,
    isFlat,
  }: { job: BackupJob; mark: string; since?: VolumeRef | undefined; isFlat: boolean },
): Promise<void> {
  const what = since
    ? { sync: 'bitmap', bitmap: since.name, 'bitmap-mode': 'never' }
    : // What the only file of a volume does not have is zeros, as in the new one.
      { sync: isFlat ? 'top' : 'full' }
  await monitor.execute('transaction', {
    actions: [
      {
        type: 'block-dirty-bitmap-add',
        data: { node, name: mark, persistent: true, granularity: clusterBytes },
      },
      {
        type: 'blockdev-backup',
        data: { 'job-id': job.id, device: node, target: job.node, 'auto-dismiss': false, ...what },
      },
    ],
  })
}

/** As large as the clusters of our files: a mark is never finer than what is copied for it. */
const clusterBytes = 65_536

/** Its file is there, and all changes since were tracked. */
async function usable(host: QemuHost, place: Place, since: VolumeRef): Promise<boolean> {
  if ((await getVolume(host, since)) === undefined) return false
  return isTracked(await place.ask((monitor) => bitmapsOf(monitor, place.node)), since.name)
}

/** Best effort; what remains is removed by the next call for this target, or with the target. */
async function undo(host: QemuHost, place: Place, job: BackupJob, target: VolumeRef): Promise<void> {
  await endJob(place, job)
  // It may have been made, and only the answer that it is was lost.
  if (await getVolume(host, target)) return
  await place.ask((monitor) => dropMarks(monitor, place, target.name))
  await host.gate({ operation: 'unlink', mutating: true, resource: target.name }, () =>
    rm(unfinished(pathOf(host, target)), { force: true }),
  )
}

import { randomBytes } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import type { CloudRef, CloudVm } from '#shared/clouds/port.ts'
import type { DiskSource } from '#shared/disks/port.ts'
import {
  digest,
  digestOfDisk,
  intentOf,
  manifestOf,
  newJob,
  readAllocated,
  removeAll,
  rootOf,
  runVm,
  untilReady,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'
import { can, listedAs, makeVolume, zoneOf } from '#test/shared/clouds/conformance/things.ts'

const mebibyte = 2 ** 20

/** Snapshots as things of their own, and what changed between two. `subject` is filled before the tests run. */
export function snapshots(subject: Subject): void {
  describe('snapshots', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))

    const snapshotOf = async (vm: CloudVm): Promise<CloudRef> =>
      untilReady(
        subject.cloud,
        await subject.cloud.disks.createSnapshot({
          ...intentOf(job),
          region: subject.region,
          vm,
          disk: rootOf(vm),
          name: 'nightly',
        }),
      )

    test('a snapshot is listed once and described, and gone when it is deleted', async () => {
      const { cloud, region } = subject
      const vm = await runVm(subject, job)
      const ref = await snapshotOf(vm)
      const described = await cloud.disks.getSnapshot(ref)
      expect(described).toMatchObject({
        region,
        id: ref.id,
        state: 'ready',
        sizeBytes: rootOf(vm).sizeBytes,
        disk: rootOf(vm).id,
        tags: { 'novacron-job': job },
      })
      expect(described?.createdAt).toBeInstanceOf(Date)
      expect(await listedAs(ref, () => cloud.disks.listSnapshots({ region }))).toEqual([described])
      await cloud.disks.deleteSnapshot(ref)
      expect(await cloud.disks.getSnapshot(ref)).toBeUndefined()
    })

    test('a volume of no VM is snapshotted, and made anew from its snapshot with the same bytes', async () => {
      const { cloud, region, loopback } = subject
      const volume = await makeVolume(subject, job)
      await loopback.writeDisk(volume.id, 5 * mebibyte, randomBytes(8192))
      const take = (disk: { id: string; sizeBytes: number }) =>
        cloud.disks.createSnapshot({ ...intentOf(job), region, disk })
      const first = await untilReady(cloud, await take(volume))
      const copy = await makeVolume(subject, job, { snapshot: first })
      const second = await untilReady(cloud, await take(copy))
      const [one, other] = await Promise.all([first, second].map((ref) => cloud.disks.openSnapshot(ref)))
      if (!one || !other) throw new Error('both snapshots open')
      expect(await digestOfDisk(other)).toBe(await digestOfDisk(one))
      await Promise.all([one.close(), other.close()])
    })

    test('between two snapshots exactly what changed is listed, cleared ranges too', async ({ skip }) => {
      skip(!can(subject, 'disks.openChanges'), 'lacking')
      const { base, later, changed } = await twoSnapshots()
      const changes = await subject.cloud.disks.openChanges(base, later)
      const whole = await subject.cloud.disks.openSnapshot(later)
      const listed = await Array.fromAsync(changes.extents())
      for (const at of changed) {
        expect(listed.some(({ offset, length }) => offset <= at && at < offset + length)).toBe(true)
      }
      for (const { offset, length } of listed) {
        const end = roundUp(offset + length, changes.granularityBytes)
        expect(changed.some((at) => offset <= at && at < end)).toBe(true)
      }
      for await (const [offset, data] of readAllocated(changes)) {
        expect((await whole.read({ offset, length: data.length })).equals(data)).toBe(true)
      }
      await Promise.all([changes.close(), whole.close()])
    })

    test('a disk made on a parent holds the parent’s bytes and the changes', async ({ skip }) => {
      skip(!can(subject, 'disks.write_delta') || !can(subject, 'disks.openChanges'), 'lacking')
      const { cloud } = subject
      const { base, later } = await twoSnapshots()
      const [from, changes, whole] = await Promise.all([
        cloud.disks.openSnapshot(base),
        cloud.disks.openChanges(base, later),
        cloud.disks.openSnapshot(later),
      ])
      const parent = await copyTo(await newDisk(from.sizeBytes), from)
      const child = await copyTo(await newDisk(from.sizeBytes, parent), changes)
      const written = await cloud.disks.openDisk(child)
      expect(await digestOfDisk(written)).toBe(await digestOfDisk(whole))
      await Promise.all([from, changes, whole, written].map((source) => source.close()))
      await cloud.disks.deleteDisk(child)
      await cloud.disks.deleteDisk(parent)
    })

    const newDisk = (sizeBytes: number, parent?: CloudRef) =>
      subject.cloud.disks.createDisk({
        ...intentOf(job),
        region: subject.region,
        ...zoneOf(subject.dialect),
        name: 'delta',
        sizeBytes,
        firmware: 'bios',
        architecture: 'x86_64',
        ...(parent === undefined ? {} : { parent }),
      })

    /** Two snapshots of a disk; in between a MiB was written and an island of the image was cleared. `changed`: offsets that differ. */
    const twoSnapshots = async () => {
      const vm = await runVm(subject, job)
      const base = await snapshotOf(vm)
      const [added, cleared] = [20 * mebibyte, 7 * mebibyte + 4096]
      await subject.loopback.writeDisk(rootOf(vm).id, added, randomBytes(mebibyte))
      await subject.loopback.writeDisk(rootOf(vm).id, cleared, Buffer.alloc(4096))
      const later = await snapshotOf(vm)
      await subject.cloud.compute.delete(vm)
      const changed = Array.from({ length: 256 }, (_, index) => added + index * 4096)
      return { base, later, changed: [...changed, cleared] }
    }

    const copyTo = async (disk: CloudRef, source: DiskSource): Promise<CloudRef> => {
      const sink = await subject.cloud.disks.openDiskForWrite(disk)
      const chunks = new Map<number, Buffer>()
      const size = sink.preferredChunkBytes
      for await (const { offset, length } of source.extents()) {
        for (let at = offset - (offset % size); at < offset + length; at += size) {
          if (!chunks.has(at))
            chunks.set(at, await readPadded(source, at, Math.min(size, sink.sizeBytes - at)))
        }
      }
      for (const [offset, data] of chunks) await sink.write({ offset, data, sha256: digest(data) })
      await sink.flush()
      await subject.cloud.disks.sealDisk(disk, manifestOf(sink, chunks))
      await sink.close()
      return disk
    }
  })
}

/** Reads in pieces that suit the source. */
async function readPadded(source: DiskSource, offset: number, length: number): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let at = offset; at < offset + length; at += source.preferredChunkBytes) {
    const piece = Math.min(source.preferredChunkBytes, offset + length - at, source.sizeBytes - at)
    parts.push(await source.read({ offset: at, length: piece }))
  }
  return Buffer.concat(parts, length)
}

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step

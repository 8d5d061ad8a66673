import { randomBytes } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import type { CloudError } from '#shared/clouds/errors.ts'
import type { Intent } from '#shared/clouds/port.ts'
import {
  digest,
  digestOfDisk,
  digestOfFile,
  intentOf,
  manifestOf,
  newJob,
  readAllocated,
  removeAll,
  residueOf,
  rootOf,
  runVm,
  untilGone,
  untilReady,
  untilState,
  writeChunks,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'

const gibibyte = 2 ** 30

/** Snapshots read as their disk; what is written is what becomes a VM; damage is seen. `subject` is filled before the tests run. */
export function disks(subject: Subject): void {
  describe('disks', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))

    const newDisk = (intent: Intent = intentOf(job)) =>
      subject.cloud.disks.createDisk({
        ...intent,
        region: subject.region,
        name: 'conformance',
        sizeBytes: gibibyte,
        firmware: 'bios',
        architecture: 'x86_64',
      })

    test('a snapshot holds the bytes of the disk it was taken of', async () => {
      const vm = await runVm(subject, job)
      const request = { ...intentOf(job), region: vm.region, vm, disk: rootOf(vm) }
      const snapshot = await subject.cloud.disks.createSnapshot(request)
      expect(await subject.cloud.disks.createSnapshot(request)).toEqual(snapshot)
      await untilReady(subject.cloud, snapshot)

      const source = await subject.cloud.disks.openSnapshot(snapshot)
      expect(source.sizeBytes).toBe(rootOf(vm).sizeBytes)
      expect(source.preferredChunkBytes % source.granularityBytes).toBe(0)
      expect(await digestOfDisk(source)).toBe(await digestOfFile(subject.imagePath))
      await source.close()
      await source.close()

      await subject.cloud.disks.deleteSnapshot(snapshot)
      await subject.cloud.disks.deleteSnapshot(snapshot)
      expect(await subject.cloud.disks.snapshotState(snapshot)).toBeUndefined()
      await subject.cloud.compute.delete(vm)
      await untilGone(subject.cloud, vm)
    })

    test('a new disk holds what was written to it and zeros elsewhere, and becomes a VM with those bytes', async () => {
      const disk = await newDisk()
      const sink = await subject.cloud.disks.openDiskForWrite(disk)
      expect(sink).toMatchObject({ sizeBytes: gibibyte, zeroed: true })
      const chunkBytes = sink.preferredChunkBytes
      const chunks = new Map([
        [0, randomBytes(chunkBytes)],
        [3 * chunkBytes, randomBytes(chunkBytes)],
      ])
      await writeChunks(sink, chunks)
      await sink.close()

      // As after a crash: the disk is opened once more, a chunk is written again and one is added.
      const again = await subject.cloud.disks.openDiskForWrite(disk)
      const [offset, data] = [3 * chunkBytes, chunks.get(3 * chunkBytes) ?? Buffer.alloc(0)]
      await again.write({ offset, data, sha256: digest(data) })
      const last = gibibyte - chunkBytes
      chunks.set(last, randomBytes(chunkBytes))
      await writeChunks(again, new Map([...chunks].filter(([at]) => at === last)))
      await again.close()

      const manifest = manifestOf(again, chunks)
      await subject.cloud.disks.sealDisk(disk, manifest)
      await subject.cloud.disks.sealDisk(disk, manifest)

      // A copy that died after sealing starts again: it opens the disk, has nothing to write, and seals.
      const sealed = await subject.cloud.disks.openDiskForWrite(disk)
      expect(sealed.sizeBytes).toBe(gibibyte)
      await sealed.flush()
      await subject.cloud.disks.sealDisk(disk, manifest)
      await sealed.close()
      const source = await subject.cloud.disks.openDisk(disk)
      for (const [at, expected] of chunks) {
        expect((await source.read({ offset: at, length: chunkBytes })).equals(expected)).toBe(true)
      }
      expect(
        (await source.read({ offset: chunkBytes, length: chunkBytes })).equals(Buffer.alloc(chunkBytes)),
      ).toBe(true)
      const written = await digestOfDisk(source)
      await source.close()

      const request = {
        ...intentOf(job),
        region: subject.region,
        name: 'moved',
        instanceType: subject.dialect.instanceType,
        boot: { disks: [disk], firmware: 'bios' as const, architecture: 'x86_64' as const },
      }
      const vm = await untilState(subject.cloud, await subject.cloud.compute.create(request), 'running')
      // The same intent once more: now the cloud lets go of whatever the disk passed through.
      expect((await subject.cloud.compute.create(request)).id).toBe(vm.id)
      expect(vm.disks).toHaveLength(1)

      const taken = { ...intentOf(job), region: vm.region, vm, disk: rootOf(vm) }
      const snapshot = await untilReady(subject.cloud, await subject.cloud.disks.createSnapshot(taken))
      const moved = await subject.cloud.disks.openSnapshot(snapshot)
      expect(await digestOfDisk(moved)).toBe(written)
      await moved.close()
      await subject.cloud.disks.deleteSnapshot(snapshot)

      await subject.cloud.compute.delete(vm)
      await untilGone(subject.cloud, vm)
      expect(residueOf(subject.loopback, job)).toEqual([])
    })

    test('the same token gives the same disk, and a disk can be deleted before and after it is sealed', async () => {
      const intent = intentOf(job)
      const disk = await newDisk(intent)
      expect(await newDisk(intent)).toEqual(disk)
      await subject.cloud.disks.deleteDisk(disk)
      await subject.cloud.disks.deleteDisk(disk)

      const sealed = await newDisk()
      const sink = await subject.cloud.disks.openDiskForWrite(sealed)
      await subject.cloud.disks.sealDisk(sealed, await writeChunks(sink, new Map()))
      await subject.cloud.disks.deleteDisk(sealed)
      expect(residueOf(subject.loopback, job)).toEqual([])
    })

    test('a byte flipped on the way in is an integrity error, and the next read is right', async ({
      skip,
    }) => {
      skip(subject.dialect.readsUnchecked !== undefined, subject.dialect.readsUnchecked)
      const { disk, expected } = await diskWithOneChunk()
      const source = await subject.cloud.disks.openDisk(disk)
      subject.loopback.inject({ operation: subject.dialect.readOperation, mode: 'corrupt_read' })
      const extent = { offset: 0, length: expected.length }
      await expect(source.read(extent)).rejects.toMatchObject({ code: 'integrity', retryable: true })
      expect((await source.read(extent)).equals(expected)).toBe(true)
      await source.close()
      await subject.cloud.disks.deleteDisk(disk)
    })

    test('a byte flipped in what the cloud keeps shows when it is read back', async () => {
      const byGuest = subject.dialect.storedDamage === 'guest'
      if (!byGuest)
        subject.loopback.inject({ operation: subject.dialect.writeOperation, mode: 'corrupt_stored' })
      const { disk, expected } = await diskWithOneChunk()
      if (byGuest) {
        const block = Buffer.from(expected.subarray(0, 4096))
        block.writeUInt8(block.readUInt8(0) ^ 0xff)
        await subject.loopback.writeDisk(disk.id, 0, block)
      }
      const source = await subject.cloud.disks.openDisk(disk)
      const back = await source
        .read({ offset: 0, length: expected.length })
        .catch((error: CloudError) => error.code)
      expect(typeof back === 'string' ? back === 'integrity' : !back.equals(expected)).toBe(true)
      await source.close()
      await subject.cloud.disks.deleteDisk(disk)
    })

    test('bytes that do not have the digest given with them are never taken', async () => {
      const disk = await newDisk()
      const sink = await subject.cloud.disks.openDiskForWrite(disk)
      const data = randomBytes(sink.preferredChunkBytes)
      const wrong = digest(Buffer.from('something else'))
      await expect(sink.write({ offset: 0, data, sha256: wrong })).rejects.toMatchObject({
        code: 'integrity',
      })
      await subject.cloud.disks.sealDisk(disk, await writeChunks(sink, new Map()))
      const source = await subject.cloud.disks.openDisk(disk)
      for await (const [, read] of readAllocated(source)) expect(read.equals(data)).toBe(false)
      await source.close()
      await subject.cloud.disks.deleteDisk(disk)
    })

    const diskWithOneChunk = async () => {
      const disk = await newDisk()
      const sink = await subject.cloud.disks.openDiskForWrite(disk)
      const expected = randomBytes(sink.preferredChunkBytes)
      await subject.cloud.disks.sealDisk(disk, await writeChunks(sink, new Map([[0, expected]])))
      return { disk, expected }
    }
  })
}

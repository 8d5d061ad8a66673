import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import {
  digestOfDisk,
  intentOf,
  newJob,
  removeAll,
  rootOf,
  runVm,
  untilGone,
  writeChunks,
} from '#test/shared/clouds/conformance/subject.ts'
import { makeVolume, vmRequest } from '#test/shared/clouds/conformance/things.ts'
import { onQemu } from '#test/shared/clouds/onprem/on-qemu.ts'

onQemu('volumes on several hosts', (subject) => {
  const job = newJob()
  afterEach(() => removeAll(subject, job))
  const at = (zone: string) => ({ ...subject, dialect: { ...subject.dialect, zone } })

  test('a volume is made on one host of a snapshot on another, with the same bytes under a key of its own', async () => {
    const { cloud, region, loopback } = subject
    const here = await makeVolume(at('alpha'), job, { sizeGib: 1 })
    await loopback.writeDisk(here.id, 3 * 2 ** 20, randomBytes(8192))
    const take = (disk: { id: string; sizeBytes: number }) =>
      cloud.disks.createSnapshot({ ...intentOf(job), region, disk })
    const snapshot = await take(here)
    const there = await makeVolume(at('beta'), job, { sizeGib: 2, snapshot })
    // Left to choose, it is made beside the snapshot, unless nothing new is to come there.
    const { zone: _, ...dialect } = subject.dialect
    const anywhere = () => makeVolume({ ...subject, dialect }, job, { sizeGib: 1, snapshot })
    expect(await anywhere()).toMatchObject({ zone: 'alpha' })
    await cloud.hosts.setMaintenance({ region, id: 'alpha' }, true)
    const elsewhere = await anywhere()
    await cloud.hosts.setMaintenance({ region, id: 'alpha' }, false)
    expect(elsewhere).toMatchObject({ zone: 'beta' })
    expect(there).toMatchObject({ zone: 'beta', sizeBytes: 2 * 2 ** 30, encrypted: true })
    const sources = [
      await cloud.disks.openSnapshot(snapshot),
      await cloud.disks.openSnapshot(await take(there)),
    ]
    const digests = await Promise.all(sources.map(digestOfDisk))
    expect(digests[1]).toBe(digests[0])
    await Promise.all(sources.map((source) => source.close()))
  })

  test('a volume is not attached to a VM on another host, and the refusal says how to get it there', async () => {
    const vm = await runVm(at('alpha'), job)
    const volume = await makeVolume(at('beta'), job, { sizeGib: 1 })
    await expect(subject.cloud.storage.volumes.attach(volume, vm)).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('beta') as string,
      remedy: expect.stringContaining('alpha') as string,
    })
    expect((await subject.cloud.storage.volumes.get(volume))?.state).toBe('available')
  })

  test('a VM of written disks starts where they lie, or takes them along to the host that it is to have', async () => {
    const { cloud, region } = subject
    const write = async () => {
      const disk = await cloud.disks.createDisk({
        ...intentOf(job),
        region,
        zone: 'alpha',
        name: 'written',
        sizeBytes: 2 ** 30,
        firmware: 'bios',
        architecture: 'x86_64',
      })
      const sink = await cloud.disks.openDiskForWrite(disk)
      const data = randomBytes(sink.preferredChunkBytes)
      await cloud.disks.sealDisk(disk, await writeChunks(sink, new Map([[0, data]])))
      const source = await cloud.disks.openDisk(disk)
      const digest = await digestOfDisk(source)
      await source.close()
      return { disk, digest }
    }
    for (const zone of [undefined, 'beta']) {
      const { disk, digest } = await write()
      const vm = await cloud.compute.create({
        ...vmRequest(subject, job),
        ...intentOf(job),
        ...(zone === undefined ? {} : { zone }),
        boot: { disks: [disk], firmware: 'bios', architecture: 'x86_64' },
      })
      expect(vm).toMatchObject({ zone: zone ?? 'alpha', state: 'running' })
      const snapshot = await cloud.disks.createSnapshot({ ...intentOf(job), region, vm, disk: rootOf(vm) })
      const source = await cloud.disks.openSnapshot(snapshot)
      expect(await digestOfDisk(source)).toBe(digest)
      await source.close()
      const places = await Array.fromAsync(cloud.storage.volumes.list({ region }))
      expect(places.filter(({ id }) => id === disk.id)).toHaveLength(1)
      await cloud.compute.delete(vm)
      await untilGone(cloud, vm)
    }
  })
})

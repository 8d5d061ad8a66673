import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { openGcp } from '#shared/clouds/gcp/gcp.ts'
import { composeAll } from '#shared/clouds/gcp/disks/compose.ts'
import { createStaging } from '#shared/clouds/gcp/disks/staging.ts'
import { withCallScope } from '#shared/clouds/scope.ts'
import { intentOf, manifestOf, newJob, until, writeChunks } from '#test/shared/clouds/conformance/subject.ts'
import { gather, openParts } from '#test/shared/clouds/gcp/parts.ts'
import { region, settingsFor } from '#test/shared/clouds/gcp/subject.ts'

const gibibyte = 2 ** 30

test('the first disk of a region makes the staging bucket, which nobody can make public, and the second finds it', async () => {
  const { loopback } = await openParts()
  const cloud = await openGcp(settingsFor(loopback))
  const request = {
    ...intentOf(newJob()),
    region,
    name: 'first',
    sizeBytes: gibibyte,
    firmware: 'bios' as const,
    architecture: 'x86_64' as const,
  }
  await cloud.disks.createDisk(request)
  await cloud.disks.createDisk({ ...request, ...intentOf(newJob()) })
  const calls = loopback.calls().map(({ operation }) => operation)
  expect(calls.filter((operation) => operation === 'storage.buckets.insert')).toHaveLength(1)
  const [bucket] = await Array.fromAsync(cloud.storage.buckets.list({ region }))
  expect(bucket).toMatchObject({ access: 'blocked', encrypted: true })
  expect(bucket?.lifecycle).toEqual([expect.objectContaining({ expireAfterDays: 30 })])
  cloud.close()
})

test.for([1, 32, 33, 1030])('%i objects become one, in their order', async (count) => {
  const { gcp } = await openParts()
  const staging = createStaging(gcp)
  const bucket = await staging.bucket(region)
  const contents = Array.from({ length: count }, (_, index) => Buffer.from(`${index},`))
  for (let begin = 0; begin < count; begin += 64) {
    const some = contents.slice(begin, begin + 64)
    await Promise.all(
      some.map((content, index) => staging.objects.put(bucket, `p/${begin + index}`, content)),
    )
  }
  const parts = async function* () {
    for (const index of contents.keys()) yield `p/${index}`
  }
  await composeAll(staging, region, { prefix: 'p/', target: 'p/all', parts: parts(), tags: {} })
  const whole = await gather(staging.objects.read(bucket, 'p/all'))
  expect(whole.equals(Buffer.concat(contents))).toBe(true)
})

test('a chunk that was damaged where it is kept makes no image, and the disk can still be deleted', async () => {
  const { loopback } = await openParts()
  const cloud = await openGcp(settingsFor(loopback))
  const disk = await cloud.disks.createDisk({
    ...intentOf(newJob()),
    region,
    name: 'damaged',
    sizeBytes: gibibyte,
    firmware: 'bios',
    architecture: 'x86_64',
  })
  const sink = await cloud.disks.openDiskForWrite(disk)
  loopback.inject({ operation: 'storage.objects.insert', mode: 'corrupt_stored' })
  const manifest = await writeChunks(sink, new Map([[0, randomBytes(sink.preferredChunkBytes)]]))
  const message: unknown = expect.stringContaining('not a valid gzip file')
  await expect(cloud.disks.sealDisk(disk, manifest)).rejects.toMatchObject({ name: 'CloudError', message })
  await cloud.disks.deleteDisk(disk)
  expect(loopback.residue().filter(({ kind }) => kind !== 'bucket')).toEqual([])
  cloud.close()
})

test('a chunk that arrives after its disk was removed is found by its owner, and by no other, and removed', async () => {
  const { loopback } = await openParts()
  const cloud = await openGcp(settingsFor(loopback))
  const intent = intentOf(newJob())
  const described = { region, name: 'late', sizeBytes: gibibyte } as const
  const disk = await cloud.disks.createDisk({
    ...intent,
    ...described,
    firmware: 'bios',
    architecture: 'x86_64',
  })
  const sink = await cloud.disks.openDiskForWrite(disk)
  await cloud.disks.deleteDisk(disk)
  await writeChunks(sink, new Map([[0, randomBytes(sink.preferredChunkBytes)]]))
  const owned = (tags: Record<string, string>) => Array.fromAsync(cloud.inventory.owned({ region, tags }))
  expect(await owned(intentOf(newJob()).tags)).toEqual([])
  const found = await owned(intent.tags)
  expect(found).toMatchObject([{ kind: 'staging' }])
  for (const resource of found) await cloud.inventory.remove(resource)
  expect(loopback.residue().filter(({ kind }) => kind !== 'bucket')).toEqual([])
  cloud.close()
})

test('a disk that is not of whole GiB keeps its size, although its image is larger', async () => {
  const { loopback } = await openParts()
  const cloud = await openGcp(settingsFor(loopback))
  const sizeBytes = 100 * 2 ** 20 + 512
  const disk = await cloud.disks.createDisk({
    ...intentOf(newJob()),
    region,
    name: 'odd',
    sizeBytes,
    firmware: 'uefi',
    architecture: 'x86_64',
  })
  const sink = await cloud.disks.openDiskForWrite(disk)
  const chunks = new Map([[96 * 2 ** 20, randomBytes(4 * 2 ** 20 + 512)]])
  await writeChunks(sink, chunks)
  await cloud.disks.sealDisk(disk, manifestOf(sink, chunks))
  const source = await cloud.disks.openDisk(disk)
  expect(source.sizeBytes).toBe(sizeBytes)
  const extents = await Array.fromAsync(source.extents())
  expect(extents.at(-1)).toEqual({ offset: 96 * 2 ** 20, length: 4 * 2 ** 20 + 512 })
  const [[offset, data] = [0, Buffer.alloc(0)]] = chunks
  expect((await source.read({ offset, length: data.length })).equals(data)).toBe(true)
  cloud.close()
})

test('an export that failed is made anew, and one that was made is read again without another', async () => {
  const { loopback } = await openParts()
  const cloud = await openGcp(settingsFor(loopback))
  const disk = await cloud.disks.createDisk({
    ...intentOf(newJob()),
    region,
    name: 'exported',
    sizeBytes: gibibyte,
    firmware: 'bios',
    architecture: 'x86_64',
  })
  const sink = await cloud.disks.openDiskForWrite(disk)
  await cloud.disks.sealDisk(disk, await writeChunks(sink, new Map()))
  const before = loopback.calls().length
  loopback.inject({ operation: 'cloudbuild.projects.builds.create', mode: 'drop_reply' })
  await expect(cloud.disks.openDisk(disk)).rejects.toMatchObject({ code: 'network', retryable: true })
  await (await cloud.disks.openDisk(disk)).close()
  await (await cloud.disks.openDisk(disk)).close()
  const builds = loopback
    .calls()
    .slice(before)
    .filter(({ operation }) => operation === 'cloudbuild.projects.builds.create')
  expect(builds).toHaveLength(1)
  cloud.close()
})

test('a disk that is deleted while it is exported leaves nothing, also later', async () => {
  const { loopback } = await openParts({ delaysMs: { ...instant, build: 300 } })
  const cloud = await openGcp(settingsFor(loopback))
  const disk = await cloud.disks.createDisk({
    ...intentOf(newJob()),
    region,
    name: 'gone',
    sizeBytes: gibibyte,
    firmware: 'bios',
    architecture: 'x86_64',
  })
  const sink = await cloud.disks.openDiskForWrite(disk)
  await cloud.disks.sealDisk(disk, await writeChunks(sink, new Map()))
  const cancel = new AbortController()
  const opening = withCallScope({ signal: cancel.signal, beforeCall: () => {} }, () =>
    cloud.disks.openDisk(disk),
  )
  await until('the export to have begun', async () =>
    loopback.calls().some(({ operation }) => operation === 'cloudbuild.projects.builds.get'),
  )
  cancel.abort(new Error('the step was cancelled'))
  await expect(opening).rejects.toThrow('the step was cancelled')
  await cloud.disks.deleteDisk(disk)
  expect(loopback.calls().some(({ operation }) => operation === 'cloudbuild.projects.builds.cancel')).toBe(
    true,
  )
  expect(loopback.residue().filter(({ kind }) => kind !== 'bucket')).toEqual([])
  cloud.close()
})

const instant = { operation: 4, vm: 10, snapshot: 10, image: 10, visible: 0 }

import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { withCallScope } from '#shared/clouds/scope.ts'
import { runningClock } from '#test/clouds/core/clock.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import {
  digest,
  intentOf,
  newJob,
  readAllocated,
  removeAll,
  residueOf,
  rootOf,
  runVm,
  until,
  untilReady,
  writeChunks,
} from '#test/shared/clouds/conformance/subject.ts'
import { subjectOfTest, useSubject } from '#test/shared/clouds/use-subject.ts'

const gibibyte = 2 ** 30
const blockBytes = 512 * 1024
const hourMs = 3_600_000

const clock = runningClock()
// Two on a page: every listing here is of many pages.
const subject = useSubject(() => openSubject({ clock, pageLimit: 2, vcpuQuota: 1000 }))

const newDisk = (job: string) =>
  subject.cloud.disks.createDisk({
    ...intentOf(job),
    region: subject.region,
    name: 'written',
    sizeBytes: gibibyte,
    firmware: 'bios',
    architecture: 'x86_64',
  })

/** A sealed disk of these blocks. */
async function diskOf(job: string, blocks: ReadonlyMap<number, Buffer>) {
  const disk = await newDisk(job)
  const sink = await subject.cloud.disks.openDiskForWrite(disk)
  await subject.cloud.disks.sealDisk(
    disk,
    await writeChunks(sink, new Map([...blocks].map(([index, data]) => [index * blockBytes, data]))),
  )
  return disk
}

test('listings are followed to the end: VMs, sizes, snapshots and volumes', async () => {
  const job = newJob()
  const { ec2 } = subject
  const { Images = [] } = await ec2.describeImages({ Owners: ['099720109477'] })
  const Tags = Object.entries(intentOf(job).tags).map(([Key, Value]) => ({ Key, Value }))
  await ec2.runInstances({
    ImageId: Images[0]?.ImageId,
    InstanceType: 't3.nano',
    MinCount: 9,
    MaxCount: 9,
    TagSpecifications: (['instance', 'volume'] as const).map((ResourceType) => ({ ResourceType, Tags })),
  })
  clock.advance(30)
  subject.loopback.clearCalls()
  const found = []
  for await (const vm of subject.cloud.compute.list({ region: subject.region })) found.push(vm)
  expect(found).toHaveLength(9)
  expect(new Set(found.map(({ id }) => id)).size).toBe(9)
  for (const vm of found) expect(rootOf(vm).sizeBytes).toBe(gibibyte)
  expect(subject.loopback.calls().filter((call) => call.operation === 'DescribeInstances')).toHaveLength(5)

  for (const vm of found.slice(0, 7)) {
    await subject.cloud.disks.createSnapshot({
      ...intentOf(job),
      region: subject.region,
      vm,
      disk: rootOf(vm),
    })
  }
  const kinds = []
  const tags = { 'novacron-job': job }
  for await (const { kind } of subject.cloud.inventory.owned({ region: subject.region, tags }))
    kinds.push(kind)
  expect(kinds).toEqual([
    ...Array.from({ length: 9 }, () => 'vm'),
    ...Array.from({ length: 7 }, () => 'snapshot'),
    ...Array.from({ length: 9 }, () => 'disk'),
  ])
  expect((await subject.cloud.compute.sizes(subject.region)).length).toBeGreaterThan(50)
  await removeAll(subject, job)
})

test('blocks are listed over many pages, empty ones among them, and read in any order', async () => {
  const job = newJob()
  const indexes = [0, 1, 2, 5, 6, 100, 101, 102, 2047]
  const blocks = new Map(indexes.map((index) => [index, randomBytes(blockBytes)]))
  const disk = await diskOf(job, blocks)
  const source = await subject.cloud.disks.openDisk(disk)
  const seen: number[] = []
  for await (const [offset, data] of readAllocated(source)) {
    seen.push(offset / blockBytes)
    expect(data.equals(blocks.get(offset / blockBytes) ?? Buffer.alloc(0))).toBe(true)
  }
  expect(seen).toEqual(indexes)
  // Not behind a listing: backwards, across holes, and more than a block at once.
  for (const first of [2046, 101, 4, 0]) {
    const read = await source.read({ offset: first * blockBytes, length: 2 * blockBytes })
    const expected = [first, first + 1].map((index) => blocks.get(index) ?? Buffer.alloc(blockBytes))
    expect(read.equals(Buffer.concat(expected))).toBe(true)
  }
  await expect(source.read({ offset: 1, length: blockBytes })).rejects.toThrow(/whole blocks/)
  await expect(source.read({ offset: gibibyte, length: blockBytes })).rejects.toThrow(/within the disk/)
  await removeAll(subject, job)
})

test('chunks of several blocks are written block by block, a short last one filled up with zeros', async () => {
  const job = newJob()
  const disk = await newDisk(job)
  const sink = await subject.cloud.disks.openDiskForWrite(disk)
  const [wide, short] = [randomBytes(4 * blockBytes), randomBytes(1000)]
  const last = gibibyte - blockBytes
  const manifest = await writeChunks(
    sink,
    new Map([
      [0, wide],
      [last, short],
    ]),
  )
  await expect(sink.write({ offset: 0, data: wide, sha256: digest(short) })).rejects.toMatchObject({
    code: 'integrity',
  })
  await expect(sink.write({ offset: 100, data: wide, sha256: digest(wide) })).rejects.toThrow(/whole blocks/)
  await subject.cloud.disks.sealDisk(disk, manifest)
  const source = await subject.cloud.disks.openDisk(disk)
  expect((await source.read({ offset: 0, length: wide.length })).equals(wide)).toBe(true)
  const end = await source.read({ offset: last, length: blockBytes })
  expect(end.equals(Buffer.concat([short, Buffer.alloc(blockBytes - short.length)]))).toBe(true)
  await removeAll(subject, job)
})

test('a disk that lost a block is not sealed', async () => {
  const job = newJob()
  const disk = await newDisk(job)
  const sink = await subject.cloud.disks.openDiskForWrite(disk)
  const data = randomBytes(blockBytes)
  await sink.write({ offset: 0, data, sha256: digest(data) })
  const claims = { sizeBytes: gibibyte, chunkBytes: blockBytes }
  const chunk = { length: blockBytes, sha256: digest(data) }
  const two = {
    ...claims,
    async *chunks() {
      yield { offset: 0, ...chunk }
      yield { offset: blockBytes, ...chunk }
    },
  }
  await expect(subject.cloud.disks.sealDisk(disk, two)).rejects.toMatchObject({ kind: 'permanent' })
  const other = {
    ...claims,
    async *chunks() {
      yield { offset: 0, length: blockBytes, sha256: digest(Buffer.from('other')) }
    },
  }
  await expect(subject.cloud.disks.sealDisk(disk, other)).rejects.toMatchObject({
    code: 'integrity',
    kind: 'permanent',
  })
  await removeAll(subject, job)
})

test.for([1, 3])('a lost reply to CompleteSnapshot (%i in a row) seals once', async (times) => {
  const job = newJob()
  subject.loopback.inject({ operation: 'CompleteSnapshot', mode: 'drop_reply', times })
  const disk = await newDisk(job)
  const sink = await subject.cloud.disks.openDiskForWrite(disk)
  const manifest = await writeChunks(sink, new Map([[0, randomBytes(blockBytes)]]))
  await subject.cloud.disks.sealDisk(disk, manifest).catch(() => subject.cloud.disks.sealDisk(disk, manifest))
  expect(await subject.cloud.disks.snapshotState(disk)).toBe('ready')
  await removeAll(subject, job)
})

test('of two snapshots of one intent, the older is agreed on and the younger deleted', async () => {
  const job = newJob()
  const vm = await runVm(subject, job)
  const intent = intentOf(job)
  const { ec2 } = subject
  const Tags = Object.entries({ ...intent.tags, 'novacron-token': intent.token }).map(([Key, Value]) => ({
    Key,
    Value,
  }))
  const twin = () =>
    ec2.createSnapshot({ VolumeId: rootOf(vm).id, TagSpecifications: [{ ResourceType: 'snapshot', Tags }] })
  const { SnapshotId: older } = await twin()
  await twin()
  clock.advance(40)
  const agreed = await subject.cloud.disks.createSnapshot({
    ...intent,
    region: subject.region,
    vm,
    disk: rootOf(vm),
  })
  expect(agreed.id).toBe(older)
  expect(residueOf(subject.loopback, job).filter(({ kind }) => kind === 'snapshot')).toHaveLength(1)

  await twin()
  clock.advance(40)
  await subject.cloud.disks.deleteSnapshot(agreed)
  expect(residueOf(subject.loopback, job).filter(({ kind }) => kind === 'snapshot')).toHaveLength(0)
  await removeAll(subject, job)
})

test('a worker that died right after asking for a snapshot, before it was to be seen, leaves one and not two', async () => {
  const time = runningClock()
  const slow = await subjectOfTest(
    openSubject({
      clock: time,
      delaysMs: { pending: 0, stopping: 0, terminating: 0, snapshot: 0, visible: hourMs },
    }),
  )
  const cloud = await slow.reopen({ options: { consistency_ms: 60_000 } })
  onTestFinished(() => cloud.close())
  const answered = (operation: string, times: number) =>
    until(`${operation} to be answered`, () => {
      const calls = slow.loopback.calls().filter((call) => call.operation === operation)
      return Promise.resolve(calls.filter(({ status }) => status === 200).length === times)
    })
  const job = newJob()
  const launched = runVm({ ...slow, cloud }, job)
  await answered('RunInstances', 1)
  time.advance(hourMs)
  const vm = await launched
  const request = { ...intentOf(job), region: subject.region, vm, disk: rootOf(vm) }
  const death = new AbortController()
  slow.loopback.inject({ operation: 'CreateSnapshot', mode: 'drop_reply' })
  const dying = withCallScope({ signal: death.signal, beforeCall: () => {} }, () =>
    cloud.disks.createSnapshot(request),
  )
  await answered('CreateSnapshot', 1)
  death.abort(new Error('died'))
  await expect(dying).rejects.toThrow('died')

  // The next worker cannot see the first snapshot yet and asks for another.
  const agreeing = cloud.disks.createSnapshot(request)
  await answered('CreateSnapshot', 2)
  time.advance(hourMs)
  const agreed = await agreeing
  expect(await cloud.disks.createSnapshot(request)).toEqual(agreed)
  expect(residueOf(slow.loopback, job).filter(({ kind }) => kind === 'snapshot')).toHaveLength(1)
})

test('a block token that ran out is fetched anew', async () => {
  const time = runningClock()
  const delaysMs = { pending: 0, stopping: 0, terminating: 0, snapshot: 0, visible: 0, blockToken: hourMs }
  const brief = await subjectOfTest(openSubject({ clock: time, delaysMs }))
  const job = newJob()
  const vm = await runVm(brief, job)
  const wanted = { ...intentOf(job), region: subject.region, vm, disk: rootOf(vm) }
  const snapshot = await untilReady(brief.cloud, await brief.cloud.disks.createSnapshot(wanted))
  const source = await brief.cloud.disks.openSnapshot(snapshot)
  const read = () => source.read({ offset: 0, length: blockBytes })
  const before = await read()
  const listings = () =>
    brief.loopback.calls().filter(({ operation }) => operation === 'ListSnapshotBlocks').length
  const listed = listings()
  await read()
  expect(listings()).toBe(listed)
  time.advance(2 * hourMs)
  expect((await read()).equals(before)).toBe(true)
  expect(listings()).toBeGreaterThan(listed)
})

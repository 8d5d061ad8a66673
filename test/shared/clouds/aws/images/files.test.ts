import { beforeAll, describe, expect, test } from 'vitest'
import type { CloudRef, ImageFormat, TaskState } from '#shared/clouds/port.ts'
import { vhdxOf } from '#test/clouds/aws/images/make-vhdx.ts'
import { streamVmdk } from '#test/clouds/aws/images/write-vmdk.ts'
import { exportFooter } from '#test/clouds/azure/vhd.ts'
import { runningClock } from '#test/clouds/core/clock.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import { intentOf, newJob, until } from '#test/shared/clouds/conformance/subject.ts'
import { makeBucket, untilTaskEnds } from '#test/shared/clouds/conformance/things.ts'
import { subjectOfTest, useSubject } from '#test/shared/clouds/use-subject.ts'

let bucket: CloudRef
const subject = useSubject(openSubject)
beforeAll(async () => {
  bucket = await makeBucket(subject, intentOf(newJob()))
})

const hourMs = 3_600_000

/** 4 MiB with something at the beginning and in the third. */
const disk = Buffer.alloc(4 * 2 ** 20)
disk.write('the boot sector', 0)
disk.write('far behind', 2 * 2 ** 20 + 4096)

async function put(key: string, data: Buffer): Promise<void> {
  const body = (async function* () {
    yield await Promise.resolve(data)
  })()
  await subject.cloud.storage.objects.write(bucket, { key, sizeBytes: data.length, body })
}

async function importOf(
  format: ImageFormat,
  data: Buffer,
  job = newJob(),
): Promise<{ task: CloudRef; end: TaskState }> {
  const key = `in/${job}.${format}`
  await put(key, data)
  const task = await subject.cloud.images.importFile({
    ...intentOf(job),
    source: { region: subject.region, bucket: bucket.id, key },
    format,
    name: 'imported',
    architecture: 'x86_64',
    firmware: 'bios',
  })
  return { task, end: await untilTaskEnds(subject, task) }
}

async function exported(image: CloudRef, format: ImageFormat = 'raw'): Promise<Buffer> {
  const target = { region: subject.region, bucket: bucket.id, key: `out/${image.id}.${format}` }
  const task = await subject.cloud.images.exportFile({ ...intentOf(newJob()), image, format, target })
  expect(await untilTaskEnds(subject, task)).toMatchObject({ state: 'ready' })
  return Buffer.concat(await Array.fromAsync(subject.cloud.storage.objects.read(bucket, { key: target.key })))
}

const vmdk = Buffer.concat(
  await Array.fromAsync(
    streamVmdk(disk.length, (offset, length) => Promise.resolve(disk.subarray(offset, offset + length))),
  ),
)

describe('a file is imported with its bytes', () => {
  test.for<[ImageFormat, string, Buffer]>([
    ['vhd', 'dynamic', dynamicVhd(disk)],
    ['vhdx', 'dynamic', vhdxOf(disk)],
    ['vmdk', 'stream optimised', vmdk],
    ['ova', 'with a VMDK in it', tarOf('disk1.vmdk', vmdk)],
  ])('%s, %s', async ([format, , data]) => {
    const { end } = await importOf(format, data)
    if (end.image === undefined) throw new Error(end.message)
    expect((await exported(end.image)).equals(disk)).toBe(true)
  })
})

test('a VMDK that is exported is one that can be imported, with the same bytes', async () => {
  const { end } = await importOf('raw', disk)
  if (end.image === undefined) throw new Error(end.message)
  const again = await importOf('vmdk', await exported(end.image, 'vmdk'))
  if (again.end.image === undefined) throw new Error(again.end.message)
  expect((await exported(again.end.image)).equals(disk)).toBe(true)
})

test.for<[ImageFormat, Buffer, RegExp]>([
  ['vhd', Buffer.concat([disk, Buffer.alloc(512)]), /Unsupported VHD/],
  ['vhdx', disk, /Unsupported VHDX/],
  ['vmdk', disk, /Unsupported VMDK/],
  ['ova', disk, /OVA/],
  ['raw', disk.subarray(0, 1000), /RAW/],
])('a broken %s file fails with the service’s reason', async ([format, data, reason]) => {
  const { end } = await importOf(format, data)
  expect(end.state).toBe('failed')
  expect(end.message).toMatch(reason)
})

test('an image that an import left untagged is found by its job, and removed with its snapshots', async () => {
  const { cloud, region, loopback } = subject
  const job = newJob()
  await put('in/untagged.raw', disk)
  const source = { region, bucket: bucket.id, key: 'in/untagged.raw' }
  const wishes = { source, format: 'raw', name: 'x', architecture: 'x86_64', firmware: 'bios' } as const
  const before = loopback.residue().length
  await cloud.images.importFile({ ...intentOf(job), ...wishes })
  const owned = () => Array.fromAsync(cloud.inventory.owned({ region, tags: { 'novacron-job': job } }))
  // Nobody asks how the task is: so nobody tags what comes of it.
  const [found] = await until('the image to be there', async () => {
    const all = await owned()
    return all[0]?.kind === 'imported_image' && all
  })
  if (found) await cloud.inventory.remove(found)
  expect(await owned()).toEqual([])
  expect(loopback.residue()).toHaveLength(before)
})

test('an import and an export under way are found by their job, and cancelled', async () => {
  const clock = runningClock()
  const delaysMs = { pending: 15, stopping: 15, terminating: 15, snapshot: hourMs, visible: 0 }
  const slow = await subjectOfTest(openSubject({ clock, delaysMs }))
  const { cloud, region } = slow
  const own = await makeBucket(slow, intentOf(newJob()))
  const body = (async function* () {
    yield await Promise.resolve(disk)
  })()
  await cloud.storage.objects.write(own, { key: 'a', sizeBytes: disk.length, body })
  const source = { region, bucket: own.id, key: 'a' }
  const wishes = { source, format: 'raw', name: 'x', architecture: 'x86_64', firmware: 'bios' } as const
  const first = await cloud.images.importFile({ ...intentOf(newJob()), ...wishes })
  clock.advance(hourMs)
  const done = await untilTaskEnds(slow, first)
  if (done.image === undefined) throw new Error(done.message)

  const job = newJob()
  const importing = await cloud.images.importFile({ ...intentOf(job), ...wishes })
  const target = { region, bucket: own.id, key: 'b' }
  const exporting = await cloud.images.exportFile({
    ...intentOf(job),
    image: done.image,
    format: 'raw',
    target,
  })
  const found = await Array.fromAsync(cloud.inventory.owned({ region, tags: { 'novacron-job': job } }))
  expect(found.map(({ kind, id }) => [kind, id])).toEqual([
    ['import_task', importing.id],
    ['export_task', exporting.id],
  ])
  for (const resource of [...found, ...found]) await cloud.inventory.remove(resource)
  for (const task of [importing, exporting]) {
    expect(await cloud.images.taskState(task)).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(/cancel/i) as string,
    })
  }
})

test('what VM Import and Export cannot is refused before anything is asked of them', async () => {
  const { cloud, region, loopback } = subject
  loopback.clearCalls()
  const source = { region, bucket: bucket.id, key: 'a' }
  const wishes = { ...intentOf(newJob()), source, format: 'raw', name: 'x', firmware: 'uefi' } as const
  await expect(cloud.images.importFile({ ...wishes, architecture: 'arm64' })).rejects.toMatchObject({
    code: 'unsupported',
  })
  const image = { region: 'eu-west-1', id: 'ami-0123456789abcdef0' }
  const elsewhere = cloud.images.exportFile({ ...intentOf(newJob()), image, format: 'raw', target: source })
  await expect(elsewhere).rejects.toMatchObject({
    code: 'invalid_request',
    details: { field: 'target.region' },
  })
  expect(loopback.calls()).toEqual([])
})

/** One block of 2 MiB in two is there: the Virtual Hard Disk specification, dynamic disks. */
function dynamicVhd(data: Buffer): Buffer {
  const blockBytes = 2 * 2 ** 20
  const footer = exportFooter(data.length)
  footer.writeBigUInt64BE(512n, 16)
  footer.writeUInt32BE(3, 60)
  footer.writeUInt32BE(0, 64)
  footer.writeUInt32BE(0xffffffff - footer.reduce((sum, byte) => sum + byte, 0), 64)
  const header = Buffer.alloc(1024)
  header.write('cxsparse', 'latin1')
  header.writeBigUInt64BE(BigInt(512 + 1024), 16)
  const count = data.length / blockBytes
  header.writeUInt32BE(count, 28)
  header.writeUInt32BE(blockBytes, 32)
  const table = Buffer.alloc(512, 0xff)
  const blocks: Buffer[] = []
  for (let index = 0; index < count; index++) {
    table.writeUInt32BE((512 + 1024 + 512 + index * (512 + blockBytes)) / 512, index * 4)
    blocks.push(Buffer.alloc(512, 0xff), data.subarray(index * blockBytes, (index + 1) * blockBytes))
  }
  return Buffer.concat([footer, header, table, ...blocks, footer])
}

function tarOf(name: string, data: Buffer): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 'latin1')
  header.write(data.length.toString(8).padStart(11, '0'), 124, 'latin1')
  return Buffer.concat([header, data, Buffer.alloc((512 - (data.length % 512)) % 512), Buffer.alloc(1024)])
}

import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { vhdFooter } from '#shared/clouds/azure/disks/vhd.ts'
import type { CloudRef, ObjectRef, TaskState } from '#shared/clouds/port.ts'
import { openSubject, region } from '#test/shared/clouds/azure/subject.ts'
import {
  digestOfDisk,
  digestOfFile,
  intentOf,
  newJob,
  removeAll,
  residueOf,
  rootOf,
  runVm,
  until,
  untilReady,
  untilState,
} from '#test/shared/clouds/conformance/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

let bucket: CloudRef
const bucketJob = newJob()

const subject = useSubject(openSubject)
beforeAll(async () => {
  bucket = await subject.cloud.storage.buckets.create({
    ...intentOf(bucketJob),
    region,
    name: 'images',
    versioning: false,
    lifecycle: [],
  })
})

const mebibyte = 2 ** 20

/** A fixed VHD of what the file holds. */
function vhdOf(data: Buffer): Buffer {
  return Buffer.concat([data, vhdFooter({ sizeBytes: data.length, uniqueId: Buffer.alloc(16, 7) })])
}

async function upload(key: string, data: Buffer): Promise<ObjectRef> {
  await subject.cloud.storage.objects.write(bucket, {
    key,
    sizeBytes: data.length,
    body: (async function* () {
      yield await Promise.resolve(data)
    })(),
  })
  return { region, bucket: bucket.id, key }
}

async function download(key: string, range: { offset: number; length?: number }): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of subject.cloud.storage.objects.read(bucket, { key, ...range })) parts.push(part)
  return Buffer.concat(parts)
}

const untilOver = (task: CloudRef): Promise<TaskState> =>
  until('the task to be over', async () => {
    const state = await subject.cloud.images.taskState(task)
    return state?.state === 'pending' ? undefined : state
  })

const importRequest = (job: string, source: ObjectRef) => ({
  ...intentOf(job),
  source,
  format: 'vhd' as const,
  name: 'imported',
  architecture: 'x86_64' as const,
  firmware: 'bios' as const,
})

async function digestOfVm(job: string, image: string): Promise<string> {
  const { cloud, dialect } = subject
  const vm = await cloud.compute.create({
    ...intentOf(job),
    region,
    name: 'of-image',
    instanceType: dialect.instanceType,
    boot: { image },
  })
  const running = await untilState(cloud, vm, 'running')
  const snapshot = await cloud.disks.createSnapshot({
    ...intentOf(job),
    region,
    vm: running,
    disk: rootOf(running),
  })
  const source = await cloud.disks.openSnapshot(await untilReady(cloud, snapshot))
  const digest = await digestOfDisk(source)
  await source.close()
  return digest
}

describe('a VHD', () => {
  test('that is imported becomes an image whose VM reads the same', async () => {
    const job = newJob()
    const source = await upload('disk.vhd', vhdOf(await readFile(subject.imagePath)))
    const request = importRequest(job, source)
    const task = await subject.cloud.images.importFile(request)
    expect(await subject.cloud.images.importFile(request)).toEqual(task)
    const over = await untilOver(task)
    expect(over).toMatchObject({ state: 'ready', progressPercent: 100, image: { region, id: task.id } })
    expect(await subject.cloud.images.get(task)).toMatchObject({
      name: 'imported',
      state: 'ready',
      architecture: 'x86_64',
      firmware: 'bios',
      public: false,
      tags: { 'novacron-job': job },
    })
    expect(await digestOfVm(job, task.id)).toBe(await digestOfFile(subject.imagePath))
    await removeAll(subject, job)
    expect(residueOf(subject.loopback, job)).toEqual([])
  })

  const wrong: [string, () => Buffer][] = [
    ['without a footer', () => Buffer.alloc(20 * mebibyte + 512, 1)],
    [
      'of a dynamic disk',
      () => {
        const vhd = vhdOf(Buffer.alloc(20 * mebibyte))
        vhd.writeUInt32BE(3, 20 * mebibyte + 60)
        return vhd
      },
    ],
    ['of no whole number of MiB', () => vhdOf(Buffer.alloc(20 * mebibyte + 512))],
  ]
  test.for(wrong)('%s fails to become an image, with the reason', async ([what, data]) => {
    const job = newJob()
    const source = await upload(`${what.replaceAll(' ', '-')}.vhd`, data())
    const task = await subject.cloud.images.importFile(importRequest(job, source))
    const over = await untilOver(task)
    expect(over.state).toBe('failed')
    expect(over.message).toMatch(/VHD/)
    await removeAll(subject, job)
  })

  test('in an object that is no page blob is refused before anything is made', async () => {
    const source = await upload('disk.img', vhdOf(Buffer.alloc(mebibyte)))
    subject.loopback.clearCalls()
    await expect(subject.cloud.images.importFile(importRequest(newJob(), source))).rejects.toMatchObject({
      code: 'invalid_request',
      details: { field: 'source.key' },
    })
    expect(subject.loopback.calls().filter(({ mutating }) => mutating)).toEqual([])
  })
})

test('a format that Azure does not know is refused before anything is asked', async () => {
  subject.loopback.clearCalls()
  const request = importRequest(newJob(), { region, bucket: bucket.id, key: 'x' })
  await expect(subject.cloud.images.importFile({ ...request, format: 'qcow2' })).rejects.toMatchObject({
    code: 'unsupported',
  })
  expect(subject.loopback.calls()).toEqual([])
})

describe('an image of a VM', () => {
  test('holds all its disks, is exported as a VHD that reads the same, and goes without rest', async () => {
    const { cloud } = subject
    const job = newJob()
    const vm = await runVm(subject, job)
    await cloud.compute.stop(vm)
    await untilState(cloud, vm, 'stopped')
    const request = { ...intentOf(job), vm, disks: vm.disks, name: 'golden' }
    const image = await cloud.images.createFromVm(request)
    expect(await cloud.images.createFromVm(request)).toEqual(image)
    await until('the image to be ready', async () => (await cloud.images.get(image))?.state === 'ready')
    const listed: string[] = []
    for await (const { id } of cloud.images.list({ region })) listed.push(id)
    expect(listed.filter((id) => id === image.id)).toHaveLength(1)

    const target = { region, bucket: bucket.id, key: 'out.vhd' }
    const exporting = { ...intentOf(job), image, format: 'vhd' as const, target }
    const task = await cloud.images.exportFile(exporting)
    expect(await cloud.images.exportFile(exporting)).toEqual(task)
    expect(await untilOver(task)).toMatchObject({ state: 'ready', progressPercent: 100 })
    const through = ({ tags }: { tags: Record<string, string> }) =>
      tags['novacron-name'] === 'export to out.vhd'
    expect(residueOf(subject.loopback, job).filter(through)).toEqual([])
    expect(await untilOver(task)).toMatchObject({ state: 'ready' })
    const original = await readFile(subject.imagePath)
    const exported = await download('out.vhd', { offset: 0, length: original.length })
    expect(exported.equals(original)).toBe(true)
    const footer = await download('out.vhd', { offset: rootOf(vm).sizeBytes })
    expect([footer.length, footer.toString('latin1', 0, 8)]).toEqual([512, 'conectix'])

    await cloud.images.delete(image)
    await cloud.images.delete(image)
    await until('the image to be gone', async () => (await cloud.images.get(image)) === undefined)
    await removeAll(subject, job)
    expect(residueOf(subject.loopback, job)).toEqual([])
  })

  test('is made once though the replies to its making are lost', async () => {
    const { cloud, loopback } = subject
    const job = newJob()
    const source = await upload('lost.vhd', vhdOf(randomBytes(20 * mebibyte)))
    const request = importRequest(job, source)
    for (const operation of ['GalleryImages_CreateOrUpdate', 'GalleryImageVersions_CreateOrUpdate']) {
      loopback.inject({ operation, mode: 'drop_reply', times: 3 })
      await expect(cloud.images.importFile(request)).rejects.toMatchObject({ retryable: true })
    }
    const task = await cloud.images.importFile(request)
    expect(await untilOver(task)).toMatchObject({ state: 'ready' })
    expect(residueOf(loopback, job).filter(({ kind }) => kind === 'image')).toHaveLength(1)
    await removeAll(subject, job)
  })
})

import { execFile } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { openQcow2 } from '#shared/disks/qcow2.ts'
import { createImages } from '#shared/clouds/gcp/images/images.ts'
import type { CloudRef, ImageFormat, ImagesFacet, TaskState } from '#shared/clouds/port.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { inPieces, openParts } from '#test/shared/clouds/gcp/parts.ts'

const region = 'us-central1'
const [mebibyte, gibibyte] = [2 ** 20, 2 ** 30]
const run = promisify(execFile)
const hasQemuImg = await run('qemu-img', ['--version']).then(
  () => true,
  () => false,
)
const intent = () => ({
  token: randomUUID(),
  tags: { 'novacron-tenant': 'acme', 'novacron-job': 'job_1', 'novacron-step': 'test' },
})

async function openImages() {
  const parts = await openParts()
  const bucket = await parts.storage.facet.buckets.create({
    ...intent(),
    region,
    name: 'acme-files',
    versioning: false,
    lifecycle: [],
  })
  const put = (key: string, data: Buffer) =>
    parts.storage.facet.objects.write(bucket, { key, sizeBytes: data.length, body: inPieces(data) })
  return { ...parts, put, images: createImages(parts.gcp, parts.storage.objects) }
}

const importing = (key: string, format: ImageFormat) => ({
  ...intent(),
  source: { region, bucket: 'acme-files', key },
  format,
  name: 'Imported disk',
  architecture: 'x86_64' as const,
  firmware: 'uefi' as const,
})

async function endOf(images: ImagesFacet, task: CloudRef): Promise<TaskState> {
  for (;;) {
    const state = await images.taskState(task)
    if (state === undefined) throw new Error(`${task.id} is unknown`)
    if (state.state !== 'pending') return state
  }
}

/** Two islands in 3 MiB. */
function disk(): Buffer {
  const data = Buffer.alloc(3 * mebibyte)
  randomBytes(4096).copy(data, 64 * 1024)
  randomBytes(512).copy(data, data.length - 512)
  return data
}

const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex')

describe('images of Google Cloud', () => {
  test.for<[ImageFormat, string]>([
    ['raw', 'raw'],
    ['qcow2', 'qcow2'],
    ['vmdk', 'vmdk'],
    ['vhdx', 'vhdx'],
    ['vhd', 'vpc'],
  ])(
    'a %s file becomes an image with its bytes, and leaves again as another',
    async ([format, name], { skip }) => {
      skip(!hasQemuImg, 'qemu-img is not on this machine')
      const { images, put, storage } = await openImages()
      const [dir, data] = [await temporaryDir(), disk()]
      await writeFile(join(dir, 'in.raw'), data)
      await run('qemu-img', ['convert', '-f', 'raw', '-O', name, join(dir, 'in.raw'), join(dir, 'in')])
      await put('in', await readFile(join(dir, 'in')))
      const { state, image, message } = await endOf(images, await images.importFile(importing('in', format)))
      expect({ state, message }).toEqual({ state: 'ready', message: 'SUCCESS' })
      if (image === undefined) throw new Error('no image')
      expect(await images.get(image)).toMatchObject({
        name: 'Imported disk',
        sizeBytes: gibibyte,
        firmware: 'uefi',
        tags: { 'novacron-job': 'job_1' },
      })
      const target = { region, bucket: 'acme-files', key: 'out.qcow2' }
      const task = await images.exportFile({ ...intent(), image, format: 'qcow2', target })
      expect(await endOf(images, task)).toMatchObject({ state: 'ready', progressPercent: 100 })
      const out = await openQcow2((offset, length) =>
        storage.objects.readRange('acme-files', 'out.qcow2', offset, length),
      )
      expect(out.sizeBytes).toBe(gibibyte)
      expect(digest(await out.read({ offset: 0, length: data.length }))).toBe(digest(data))
    },
  )

  test.for<ImageFormat>(['vmdk', 'vhdx'])(
    'a disk leaves as a %s file that qemu-img reads as the same',
    async (format, { skip }) => {
      skip(!hasQemuImg, 'qemu-img is not on this machine')
      const { images, put, storage } = await openImages()
      const data = disk()
      await put('in', data)
      const { image } = await endOf(images, await images.importFile(importing('in', 'raw')))
      if (image === undefined) throw new Error('no image')
      const target = { region, bucket: 'acme-files', key: 'out' }
      await endOf(images, await images.exportFile({ ...intent(), image, format, target }))
      const dir = await temporaryDir()
      await writeFile(join(dir, 'out'), storage.objects.read('acme-files', 'out'))
      await run('qemu-img', ['convert', '-f', format, '-O', 'raw', join(dir, 'out'), join(dir, 'out.raw')])
      const file = await open(join(dir, 'out.raw'))
      const { buffer } = await file.read(Buffer.alloc(data.length), 0, data.length, 0)
      await file.close()
      expect(digest(buffer)).toBe(digest(data))
    },
  )

  test('a tarball with disk.raw is read by Compute Engine itself, for ARM too', async () => {
    const { images, put, loopback } = await openImages()
    await put('disk.tar.gz', tarball())
    loopback.clearCalls()
    const task = await images.importFile({ ...importing('disk.tar.gz', 'raw'), architecture: 'arm64' })
    const { image } = await endOf(images, task)
    expect(await images.get(image ?? task)).toMatchObject({
      state: 'ready',
      architecture: 'arm64',
      sizeBytes: gibibyte,
    })
    expect(loopback.calls().filter(({ operation }) => operation.startsWith('cloudbuild'))).toEqual([])
  })

  test('a tarball that holds something else fails with the reason, and leaves no image', async () => {
    const { images, put } = await openImages()
    await put('disk.tar.gz', gzipSync(Buffer.alloc(4096, 1)))
    const task = await images.importFile(importing('disk.tar.gz', 'raw'))
    expect(await endOf(images, task)).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(/^\w+: .*tar/) as string,
    })
    expect(await Array.fromAsync(images.list({ region }))).toEqual([])
    expect(await images.taskState({ region, id: 'global/operations/operation-1' })).toBeUndefined()
  })

  test.for<[ImageFormat, Buffer]>([
    ['qcow2', Buffer.alloc(65_536, 1)],
    ['vhd', Buffer.alloc(65_536, 1)],
    ['vhdx', Buffer.alloc(65_536, 1)],
    ['vmdk', Buffer.alloc(65_536, 1)],
    ['raw', Buffer.alloc(70_000, 1)],
    ['raw', Buffer.alloc(100, 1)],
  ])('a file that is no %s is refused before a build is started', async ([format, data]) => {
    const { images, put, loopback } = await openImages()
    await put('in', data)
    await expect(images.importFile(importing('in', format))).rejects.toMatchObject({
      code: 'invalid_request',
      details: { field: 'source' },
    })
    await expect(images.importFile(importing('other', format))).rejects.toMatchObject({ code: 'not_found' })
    expect(loopback.calls().filter(({ operation }) => operation.startsWith('cloudbuild'))).toEqual([])
  })

  test('what an image cannot hold is refused before anything is made', async () => {
    const { images, loopback } = await openImages()
    loopback.clearCalls()
    const vm = { region, id: 'zones/us-central1-a/instances/vm' }
    const disks = ['a', 'b'].map((id) => ({
      id: `zones/us-central1-a/disks/${id}`,
      sizeBytes: gibibyte,
      boot: id === 'a',
      device: id,
    }))
    await expect(images.createFromVm({ ...intent(), vm, disks, name: 'x' })).rejects.toMatchObject({
      code: 'unsupported',
    })
    const arm = { ...importing('in', 'qcow2'), architecture: 'arm64' as const }
    await expect(images.importFile(arm)).rejects.toMatchObject({
      code: 'unsupported',
      details: { field: 'architecture' },
    })
    expect(loopback.calls()).toEqual([])
  })

  test('a name or tag with a dollar sign is not taken for a variable of the build', async () => {
    const { images, put } = await openImages()
    await put('in', disk())
    const wishes = importing('in', 'raw')
    const tags = { ...wishes.tags, price: 'US$ 5', path: '$PROJECT_ID/$$/${x}' }
    const { image } = await endOf(images, await images.importFile({ ...wishes, tags, name: 'costs $HOME' }))
    expect(image && (await images.get(image))).toMatchObject({ name: 'costs $HOME', tags })
  })

  test('a build that fails says why in its own words', async () => {
    const { images } = await openImages()
    const image = { region, id: 'global/images/not-there' }
    const target = { region, bucket: 'acme-files', key: 'out' }
    const task = await images.exportFile({ ...intent(), image, format: 'qcow2', target })
    expect(await endOf(images, task)).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(/FAILURE.*not-there.*was not found/) as string,
    })
  })
})

/** `disk.raw` of 1 GiB in the old GNU format; gzip's members may follow each other. */
function tarball(): Buffer {
  const header = Buffer.alloc(512)
  header.write('disk.raw')
  header.write('0000644\u00000000000\u00000000000\0', 100)
  header.write(`${gibibyte.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  header.write('        0', 148)
  header.write('ustar  \0', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const zeros = gzipSync(Buffer.alloc(16 * mebibyte))
  return Buffer.concat([gzipSync(header), ...Array<Buffer>(64).fill(zeros), gzipSync(Buffer.alloc(1024))])
}

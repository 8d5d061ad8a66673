import { createHash } from 'node:crypto'
import { readFile, rm, utimes, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { beforeEach, expect, test } from 'vitest'
import type { ImageFormat } from '#shared/clouds/port.ts'
import { driverOf, type DiskFormat } from '#shared/disks/image/formats.ts'
import { digestOfBytes, intentOf } from '#test/shared/clouds/conformance/subject.ts'
import { makeRaw, mib, needQemuImg, qemuImg } from '#test/shared/disks/image/files.ts'
import { references } from '#test/shared/disks/image/references.ts'
import {
  digestsOf,
  endOf,
  filesOf,
  imported,
  job,
  openImageLab,
  putObject,
  region,
  startImport,
  type ImageLab,
} from '#test/shared/clouds/onprem/images/lab.ts'

beforeEach(needQemuImg)

const single: Exclude<ImageFormat, 'ova'>[] = ['raw', 'vhd', 'vhdx', 'vmdk', 'qcow2']

/** A disk of 5 MiB as a file of this format. */
async function diskIn(lab: ImageLab, format: DiskFormat): Promise<{ file: Buffer; digest: string }> {
  const raw = await makeRaw(join(lab.dir, 'source.raw'), 5 * mib)
  const path = join(lab.dir, 'source')
  const options = format === 'vhd' ? ['-o', 'subformat=fixed,force_size=on'] : []
  qemuImg('convert', '-f', 'raw', '-O', driverOf[format], ...options, raw, path)
  const [file, content] = [await readFile(path), await readFile(raw)]
  await Promise.all([rm(path), rm(raw)])
  return { file, digest: digestOfBytes(content) }
}

async function exported(lab: ImageLab, image: { region: string; id: string }, format: ImageFormat) {
  const target = { region, bucket: lab.bucket.id, key: `out/${format}` }
  const task = await lab.cloud.images.exportFile({ ...intentOf(job), image, format, target })
  const { note, ...end } = await endOf(lab.cloud, task)
  const content = await buffer(lab.cloud.storage.objects.read(lab.bucket, { key: target.key }))
  const checksum = `sha256:${createHash('sha256').update(content).digest('hex')}`
  expect(end).toMatchObject({ state: 'ready', progressPercent: 100, checksum })
  return { content, note }
}

test.for(single)(
  'a disk in a %s file becomes an image with its bytes, and is exported so',
  async (format) => {
    const lab = await openImageLab()
    const { file, digest } = await diskIn(lab, format)
    const image = await imported(lab, file, format)
    expect(await lab.cloud.images.get(image)).toMatchObject({
      ...image,
      state: 'ready',
      sizeBytes: 5 * mib,
      public: false,
    })
    const [host = ''] =
      (await lab.site.homeOf(region).records.get('image', image.id))?.copies.map((copy) => copy.host) ?? []
    expect(await digestsOf(lab, image, host)).toEqual([digest])
    expect(await filesOf(lab)).toEqual([`${host}/pools/default/${image.id}-0.qcow2`])

    const out = join(lab.dir, 'out')
    await writeFile(out, (await exported(lab, image, format)).content)
    qemuImg('convert', '-f', driverOf[format], '-O', 'raw', out, `${out}.raw`)
    expect(digestOfBytes(await readFile(`${out}.raw`))).toBe(digest)
  },
)

test('two disks leave as OVA and come back, and a file for one disk is refused for them', async () => {
  const lab = await openImageLab()
  const { file, digest } = await diskIn(lab, 'qcow2')
  const image = await imported(lab, file, 'qcow2')
  const { records } = lab.site.homeOf(region)
  const record = await records.get('image', image.id)
  const [copy] = record?.copies ?? []
  if (!record || !copy) throw new Error('there is an image')
  const host = lab.site.byZone(copy.host)
  const [first] = record.disks
  if (!host || !first) throw new Error('it has a disk')
  const ref = (index: number) => ({
    pool: copy.pool,
    name: `${image.id}-${index}.qcow2`,
    format: 'qcow2' as const,
    ...(first.keyName === undefined ? {} : { keyName: first.keyName }),
  })
  await host.volumes.copy(ref(0), ref(1))
  const hardware = { vcpus: 3, memoryMib: 1536 }
  await records.put('image', image.id, { ...record, disks: [first, first], hardware })

  const target = { region, bucket: lab.bucket.id, key: 'out' }
  const one = lab.cloud.images.exportFile({ ...intentOf(job), image, format: 'qcow2', target })
  await expect(one).rejects.toMatchObject({ code: 'invalid_request', remedy: expect.stringContaining('ova') })

  const ova = await exported(lab, image, 'ova')
  expect(ova.note).toBeUndefined()
  const again = await imported(lab, ova.content, 'ova')
  expect((await lab.cloud.images.get(again))?.hardware).toEqual(hardware)
  const home = (await records.get('image', again.id))?.copies[0]?.host ?? ''
  expect(await digestsOf(lab, again, home)).toEqual([digest, digest])
})

test('an OVA of a disk whose machine nobody knows says so, and what it assumes', async () => {
  const lab = await openImageLab()
  const { file } = await diskIn(lab, 'raw')
  const image = await imported(lab, file, 'raw')
  expect(await lab.cloud.images.get(image)).not.toHaveProperty('hardware')
  expect((await exported(lab, image, 'ova')).note).toMatch(/does not say.*1 vCPU and 1024 MiB/)
  expect((await exported(lab, image, 'vmdk')).note).toBeUndefined()
})

test.for(references.filter(({ title }) => /backing file$|data file$|FLAT extent$/.test(title)))(
  'an import of a $title fails with the reason and the remedy; nothing of the host is read, nothing is left',
  async ({ format, make, reason }) => {
    const lab = await openImageLab()
    const [path, canary] = [join(lab.dir, 'hostile'), join(lab.dir, 'canary')]
    await writeFile(canary, '')
    await make(path, canary)
    await writeFile(canary, Buffer.alloc(mib, 'secret'), { mode: 0o644 })
    await utimes(canary, new Date(0), new Date(0))
    const task = await startImport(lab, await readFile(path), format as ImageFormat)
    const end = await endOf(lab.cloud, task)
    expect(end).toMatchObject({ state: 'failed', message: expect.stringMatching(reason) })
    expect(end.message).toMatch(/qemu-img convert/)
    expect((await stat(canary)).atimeMs).toBe(0)
    expect(await Array.fromAsync(lab.cloud.images.list({ region }))).toEqual([])
    expect(await filesOf(lab)).toEqual([])
  },
)

test('a deleted image leaves no file on any host, and deleting it again is fine', async () => {
  const lab = await openImageLab()
  const { file } = await diskIn(lab, 'raw')
  const image = await imported(lab, file, 'raw')
  expect(await filesOf(lab)).toHaveLength(1)
  await lab.cloud.images.delete(image)
  await lab.cloud.images.delete(image)
  expect(await lab.cloud.images.get(image)).toBeUndefined()
  expect(await filesOf(lab)).toEqual([])
})

test('what cannot be is refused before a task is made', async () => {
  const lab = await openImageLab()
  const request = {
    ...intentOf(job),
    source: { region, bucket: lab.bucket.id, key: 'nothing' },
    format: 'raw',
    name: 'x',
    architecture: 'x86_64',
    firmware: 'bios',
  } as const
  await expect(lab.cloud.images.importFile(request)).rejects.toMatchObject({ code: 'not_found' })
  const image = { region, id: 'img-00000000-0000-8000-8000-000000000000' }
  const target = { region, bucket: lab.bucket.id, key: 'out' }
  const exporting = lab.cloud.images.exportFile({ ...intentOf(job), image, format: 'raw', target })
  await expect(exporting).rejects.toMatchObject({ code: 'not_found' })

  await putObject(lab.cloud, lab.bucket, 'nothing', Buffer.alloc(512))
  const path = process.env['PATH']
  process.env['PATH'] = lab.dir
  try {
    await expect(lab.cloud.images.importFile(request)).rejects.toMatchObject({
      code: 'unsupported',
      remedy: expect.stringContaining('npm run setup'),
    })
  } finally {
    process.env['PATH'] = path
  }
  expect(await lab.site.homeOf(region).records.list('task')).toEqual([])
})

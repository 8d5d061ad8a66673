import { randomBytes } from 'node:crypto'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { convertToRaw } from '#shared/disks/image/convert.ts'
import { driverOf } from '#shared/disks/image/formats.ts'
import { inspectDiskFile } from '#shared/disks/image/inspect.ts'
import { defaultLimits } from '#shared/disks/image/limits.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import {
  digestOf,
  fileIn,
  makeRaw,
  mib,
  needQemuImg,
  qemuImg,
  refusalOf,
  withFile,
} from '#test/shared/disks/image/files.ts'
import { lies, stream, withFooter } from '#test/shared/disks/image/lies.ts'

test.for(lies)('$title is refused', async ({ format, options, reason, tell }, context) => {
  needQemuImg(context)
  const dir = await temporaryDir()
  const [raw, path] = [await makeRaw(join(dir, 'a.raw'), 5 * mib), join(dir, 'image')]
  qemuImg('convert', '-f', 'raw', '-O', driverOf[format], ...(options ? ['-o', options] : []), raw, path)
  const bytes = await readFile(path)
  await writeFile(path, tell(bytes) ?? bytes)
  const look = withFile(path, (workspace) => inspectDiskFile(workspace, fileIn(format)))
  const refusal = await refusalOf(look)
  expect(refusal.reason).toMatch(reason)
  expect(refusal.remedy).toMatch(/\w/)
})

test('a VMDK with its tables behind it, as VMware streams it, is taken', async (context) => {
  needQemuImg(context)
  const dir = await temporaryDir()
  const [raw, path] = [await makeRaw(join(dir, 'a.raw'), 5 * mib), join(dir, 'image')]
  qemuImg('convert', '-f', 'raw', '-O', 'vmdk', '-o', stream, raw, path)
  await writeFile(path, withFooter(await readFile(path)))
  await withFile(path, async (workspace) => {
    expect(await inspectDiskFile(workspace, fileIn('vmdk'))).toEqual({ sizeBytes: 5 * mib })
    const { name } = await convertToRaw(workspace, fileIn('vmdk'), 'out')
    expect(await digestOf(workspace.path(name))).toBe(await digestOf(raw))
  })
})

test.for([
  ['qcow2', 'raw'],
  ['vhdx', 'qcow2'],
  ['vmdk', 'vhd'],
  ['vhd', 'raw'],
  ['raw', 'vmdk'],
  ['raw', 'vhdx'],
] as const)('a file in %s that is said to be %s is refused, with what it is', async ([is, said], context) => {
  needQemuImg(context)
  const dir = await temporaryDir()
  const [raw, path] = [await makeRaw(join(dir, 'a.raw'), 5 * mib), join(dir, 'image')]
  qemuImg('convert', '-f', 'raw', '-O', driverOf[is], raw, path)
  const { reason } = await refusalOf(withFile(path, (workspace) => inspectDiskFile(workspace, fileIn(said))))
  expect(reason).toContain(is === 'raw' ? `it is not ${said}` : `it is ${is}, not ${said}`)
})

test.for(['raw', 'qcow2', 'vmdk', 'vhd', 'vhdx', 'vdi'] as const)(
  'an empty file, and one of noise, is no %s',
  async (format) => {
    const dir = await temporaryDir()
    const path = join(dir, 'image')
    for (const content of [Buffer.alloc(0), randomBytes(70_001)]) {
      await writeFile(path, content)
      const look = withFile(path, (workspace) => inspectDiskFile(workspace, fileIn(format)))
      expect((await refusalOf(look)).reason).toMatch(/\w/)
    }
  },
)

test('a disk larger than the limit is refused, whatever its file takes', async (context) => {
  needQemuImg(context)
  const dir = await temporaryDir()
  const path = join(dir, 'image')
  qemuImg('create', '-q', '-f', 'qcow2', '-o', 'cluster_size=2M', path, '17T')
  const look = withFile(path, (workspace) => inspectDiskFile(workspace, fileIn('qcow2')))
  expect((await refusalOf(look)).reason).toContain(`${defaultLimits.maxDiskBytes} are the most`)
})

test('a reader that wants more memory than it may have is refused, and not waited for', async (context) => {
  needQemuImg(context)
  const dir = await temporaryDir()
  const path = join(dir, 'image')
  await writeFile(path, '')
  await truncate(path, mib)
  const limits = { ...defaultLimits, maxMemoryBytes: 2 ** 20 }
  const look = withFile(path, (workspace) => inspectDiskFile(workspace, fileIn('raw')), limits)
  await expect(look).rejects.toMatchObject({ code: 'image_refused' })
})

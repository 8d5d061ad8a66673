import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { convertFromRaw, convertToRaw } from '#shared/disks/image/convert.ts'
import type { DiskFormat } from '#shared/disks/image/formats.ts'
import { inspectDiskFile } from '#shared/disks/image/inspect.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import {
  digestOf,
  fileIn,
  makeRaw,
  mib,
  needQemuImg,
  qemuImg,
  sizeOf,
  withFile,
} from '#test/shared/disks/image/files.ts'

/** As other tools write them. */
const written: [DiskFormat, string, string | undefined][] = [
  ['raw', 'raw', undefined],
  ['qcow2', 'qcow2', undefined],
  ['qcow2', 'qcow2', 'compat=0.10'],
  ['qcow2', 'qcow2', 'cluster_size=512'],
  ['qcow2', 'qcow2', 'extended_l2=on,compression_type=zstd'],
  ['vmdk', 'vmdk', 'subformat=monolithicSparse'],
  ['vmdk', 'vmdk', 'subformat=streamOptimized'],
  ['vhd', 'vpc', 'subformat=fixed,force_size=on'],
  ['vhd', 'vpc', 'subformat=dynamic,force_size=on'],
  ['vhdx', 'vhdx', 'subformat=dynamic'],
  ['vhdx', 'vhdx', 'subformat=fixed'],
  ['vdi', 'vdi', undefined],
]

test.for(written.flatMap((each) => [5 * mib, 5 * mib - 512 * 7].map((size) => [...each, size] as const)))(
  'a disk in %s (%s, %s) of %i bytes is taken, with its content, up to a whole MiB',
  async ([format, driver, options, sizeBytes], context) => {
    needQemuImg(context)
    const dir = await temporaryDir()
    const raw = await makeRaw(join(dir, 'a.raw'), sizeBytes)
    const path = join(dir, 'image')
    qemuImg('convert', '-f', 'raw', '-O', driver, ...(options ? ['-o', options] : []), raw, path)
    await withFile(path, async (workspace) => {
      expect(await inspectDiskFile(workspace, fileIn(format))).toEqual({ sizeBytes })
      const made = await convertToRaw(workspace, fileIn(format), 'out')
      expect(made.sizeBytes).toBe(5 * mib)
      await truncate(raw, 5 * mib)
      expect(await digestOf(workspace.path(made.name))).toBe(await digestOf(raw))
    })
  },
)

test('packed clusters of QCOW2 are taken', async (context) => {
  needQemuImg(context)
  const dir = await temporaryDir()
  const raw = await makeRaw(join(dir, 'a.raw'), 3 * mib)
  qemuImg('convert', '-c', '-f', 'raw', '-O', 'qcow2', raw, join(dir, 'image'))
  await withFile(join(dir, 'image'), async (workspace) => {
    expect(await inspectDiskFile(workspace, fileIn('qcow2'))).toEqual({ sizeBytes: 3 * mib })
    const { name } = await convertToRaw(workspace, fileIn('qcow2'), 'out')
    expect(await digestOf(workspace.path(name))).toBe(await digestOf(raw))
  })
})

test.for(['qcow2', 'vmdk', 'vhd', 'vhdx', 'vdi'] as const)(
  'a disk leaves as %s with its size and content, and would be taken again',
  async (format, context) => {
    needQemuImg(context)
    const dir = await temporaryDir()
    const raw = await makeRaw(join(dir, 'a.raw'), 7 * mib)
    await withFile(raw, async (workspace) => {
      const progress: number[] = []
      await convertFromRaw(
        workspace,
        { name: 'in', format: 'raw', sizeBytes: 7 * mib },
        { name: 'out', format },
        { onProgress: (percent) => progress.push(percent) },
      )
      expect(progress.at(-1)).toBe(100)
      expect(await inspectDiskFile(workspace, { name: 'out', format })).toEqual({ sizeBytes: 7 * mib })
      const back = await convertToRaw(workspace, { name: 'out', format }, 'back')
      expect(await digestOf(workspace.path(back.name))).toBe(await digestOf(raw))
    })
  },
)

test('a VHD is written fixed, as Azure wants it: the disk and a footer', async (context) => {
  needQemuImg(context)
  const raw = await makeRaw(join(await temporaryDir(), 'a.raw'), 7 * mib)
  await withFile(raw, async (workspace) => {
    const from = { name: 'in', format: 'raw', sizeBytes: 7 * mib } as const
    await convertFromRaw(workspace, from, { name: 'out', format: 'vhd' })
    expect(await sizeOf(workspace.path('out'))).toBe(7 * mib + 512)
  })
})

test('a disk larger than a VHD can be is not made one', async (context) => {
  needQemuImg(context)
  const dir = await temporaryDir()
  const raw = await makeRaw(join(dir, 'a.raw'), mib)
  await withFile(raw, async (workspace) => {
    const from = { name: 'in', format: 'raw', sizeBytes: 2041 * 2 ** 30 } as const
    await expect(convertFromRaw(workspace, from, { name: 'out', format: 'vhd' })).rejects.toMatchObject({
      code: 'unsupported',
      remedy: expect.stringContaining('qcow2'),
    })
  })
})

test('converting ends with its signal, and nothing of the workspace is left', async (context) => {
  needQemuImg(context)
  const dir = await temporaryDir()
  const raw = await makeRaw(join(dir, 'a.raw'), mib)
  const stop = new AbortController()
  let folder = ''
  const work = withFile(raw, async (workspace) => {
    folder = workspace.path('.')
    stop.abort(new Error('enough'))
    const from = { name: 'in', format: 'raw', sizeBytes: mib } as const
    await convertFromRaw(workspace, from, { name: 'out', format: 'qcow2' }, { signal: stop.signal })
  })
  await expect(work).rejects.toThrow('enough')
  await expect(sizeOf(folder)).rejects.toThrow('ENOENT')
})

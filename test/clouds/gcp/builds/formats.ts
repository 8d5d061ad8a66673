import { execFile } from 'node:child_process'
import { open, stat, truncate, type FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { copyGranules, readFully, scanNonzero, type Granules } from '#test/clouds/core/sparse.ts'
import { writeQcow2 } from '#test/clouds/gcp/builds/qcow2.ts'

/** Formats by the names that qemu-img has for them. */
const toolFormats = ['raw', 'qcow2', 'vmdk', 'vhdx', 'vpc'] as const
export type ToolFormat = (typeof toolFormats)[number]
export const isToolFormat = (name: string): name is ToolFormat =>
  (toolFormats as readonly string[]).includes(name)

const gibibyte = 2 ** 30

/** Writes a raw disk to a file of this format. Raw and QCOW2 need nothing; for the others qemu-img has to be on the machine. */
export async function diskToFile(rawPath: string, outPath: string, format: ToolFormat): Promise<void> {
  if (format === 'qcow2') await writeQcow2(rawPath, outPath)
  else if (format === 'raw') await copySparse(rawPath, outPath, (await stat(rawPath)).size)
  else await qemuImg('convert', '-f', 'raw', '-O', format, rawPath, outPath)
}

/**
 * Reads a file of whichever format it proves to be as a raw disk, and gives its size in whole GiB, as the service rounds it up.
 * @throws Error in qemu-img's words for what cannot be read.
 */
export async function fileToDisk(path: string, rawPath: string): Promise<number> {
  const { size } = await stat(path)
  const found = await formatOf(path, size)
  if (found === 'fixed vhd') await copySparse(path, rawPath, size - vhdFooterBytes)
  else if (found === 'raw') await copySparse(path, rawPath, size)
  else await qemuImg('convert', '-f', found, '-O', 'raw', path, rawPath)
  const sizeGb = Math.max(1, Math.ceil((await stat(rawPath)).size / gibibyte))
  await truncate(rawPath, sizeGb * gibibyte)
  return sizeGb
}

const vhdFooterBytes = 512

async function formatOf(
  path: string,
  sizeBytes: number,
): Promise<Exclude<ToolFormat, 'vpc'> | 'vpc' | 'fixed vhd'> {
  if (sizeBytes < 1024) throw new Error('qemu-img: could not open the file: it is too small to be a disk')
  const file = await open(path, 'r')
  try {
    const [head, foot] = [Buffer.alloc(512), Buffer.alloc(512)]
    await readFully(file, head, 0)
    await readFully(file, foot, sizeBytes - 512)
    const magic = head.toString('latin1', 0, 8)
    if (magic.startsWith('QFI\xfb')) return 'qcow2'
    if (magic.startsWith('KDMV') || head.toString('latin1').startsWith('# Disk DescriptorFile')) return 'vmdk'
    if (magic === 'vhdxfile') return 'vhdx'
    if (foot.toString('latin1', 0, 8) === 'conectix') return foot.readUInt32BE(60) === 2 ? 'fixed vhd' : 'vpc'
    return 'raw'
  } finally {
    await file.close()
  }
}

async function copySparse(from: string, to: string, sizeBytes: number): Promise<void> {
  const [source, target] = [await open(from, 'r'), await open(to, 'w')]
  try {
    await target.truncate(sizeBytes)
    await copy(source, target, sizeBytes)
  } finally {
    await Promise.all([source.close(), target.close()])
  }
}

async function copy(source: FileHandle, target: FileHandle, sizeBytes: number): Promise<void> {
  const granules: Granules = new Set()
  await scanNonzero(source, sizeBytes, granules)
  await copyGranules(source, target, sizeBytes, granules)
}

async function qemuImg(...args: string[]): Promise<void> {
  try {
    await promisify(execFile)('qemu-img', args)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new Error('qemu-img is not on this machine', { cause: error })
    throw new Error((error as { stderr?: string }).stderr?.trim() || String(error), { cause: error })
  }
}

import { open } from 'node:fs/promises'
import { DiskError } from '#shared/disks/errors.ts'
import { driverOf, imageOptions, type DiskFormat } from '#shared/disks/image/formats.ts'
import type { DiskFile } from '#shared/disks/image/inspect.ts'
import { runQemuImg } from '#shared/disks/image/qemu-img.ts'
import type { Workspace } from '#shared/disks/image/workspace.ts'

export interface ConvertOptions {
  signal?: AbortSignal | undefined
  /** 0 to 100. */
  onProgress?: ((percent: number) => void) | undefined
}

/** Every target takes a whole number of these (Azure takes nothing else), and only raw and QCOW2 files can still grow. */
export const alignmentBytes = 2 ** 20

/**
 * Makes an inspected file a raw one, which ends at a whole MiB: what is added reads as zero. A raw file is grown where it is, and given back.
 * @throws DiskError `image_refused`, `disk_mismatch`, `no_space`
 */
export async function convertToRaw(
  workspace: Workspace,
  from: DiskFile,
  name: string,
  options: ConvertOptions = {},
): Promise<DiskFile & { sizeBytes: number }> {
  const raw: DiskFile = from.format === 'raw' ? from : { name, format: 'raw' }
  if (raw !== from) await convert(workspace, from, raw, options)
  const file = await open(workspace.path(raw.name), 'r+')
  try {
    const { size } = await file.stat()
    const sizeBytes = Math.ceil(size / alignmentBytes) * alignmentBytes
    if (sizeBytes !== size) await file.truncate(sizeBytes)
    return { ...raw, sizeBytes }
  } finally {
    await file.close()
  }
}

/**
 * Makes a file of another format of a raw one of whole MiB, with the same size and content, as other hypervisors and clouds take it: VHD fixed, VMDK
 * streamOptimized.
 * @throws DiskError `unsupported` for a disk that the format cannot hold; `disk_mismatch`, `no_space`
 */
export async function convertFromRaw(
  workspace: Workspace,
  from: DiskFile & { format: 'raw'; sizeBytes: number },
  to: DiskFile,
  options: ConvertOptions = {},
): Promise<void> {
  const mostBytes = largest[to.format]
  if (mostBytes !== undefined && from.sizeBytes > mostBytes)
    throw new DiskError(`A ${to.format} file holds at most ${mostBytes} bytes, not ${from.sizeBytes}.`, {
      code: 'unsupported',
      remedy: 'Export it in another format, such as qcow2.',
    })
  await convert(workspace, from, to, options)
}

/** VHD's own limit is 2040 GiB; VMDK's sparse extents end at 2 TiB. */
const largest: Partial<Record<DiskFormat, number>> = { vhd: 2040 * 2 ** 30, vmdk: 2 * 2 ** 40 - 2 ** 20 }

const writeOptions: Readonly<Record<DiskFormat, string | undefined>> = {
  raw: undefined,
  qcow2: 'compat=1.1,cluster_size=65536',
  vmdk: 'subformat=streamOptimized,adapter_type=lsilogic',
  // Without it the size is rounded up to what cylinders, heads and sectors can say.
  vhd: 'subformat=fixed,force_size=on',
  vhdx: 'subformat=dynamic',
  vdi: undefined,
}

async function convert(
  workspace: Workspace,
  from: DiskFile,
  to: DiskFile,
  { signal, onProgress }: ConvertOptions,
): Promise<void> {
  const options = writeOptions[to.format]
  const { maxConvertCpuS: cpuS } = workspace.limits
  await runQemuImg(
    workspace,
    [{ name: from.name }, { name: to.name, written: true }],
    (source = '', target = '') => [
      'convert',
      '-p',
      '-O',
      driverOf[to.format],
      ...(options === undefined ? [] : ['-o', options]),
      '--image-opts',
      imageOptions(source, from.format),
      target,
    ],
    {
      cpuS,
      signal,
      onOutput: (text) => {
        const percent = /.*\((\d+\.\d\d)\/100%\)/s.exec(text)?.[1]
        if (percent !== undefined) onProgress?.(Number(percent))
      },
    },
  )
  await compare(workspace, from, to, signal)
}

/** Not the strict comparison, which also wants the same holes; that the sizes are equal is told by a warning. */
async function compare(
  workspace: Workspace,
  one: DiskFile,
  other: DiskFile,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { status, stdout } = await runQemuImg(
    workspace,
    [one, other],
    (...paths) => [
      'compare',
      '--image-opts',
      ...[one, other].map(({ format }, index) => imageOptions(paths[index] ?? '', format)),
    ],
    { cpuS: workspace.limits.maxConvertCpuS, statuses: [0, 1], signal },
  )
  if (status === 0 && !/size mismatch/i.test(stdout)) return
  throw new DiskError(`The converted image is not what it was made of: ${stdout.trim()}`, {
    code: 'disk_mismatch',
    kind: 'retryable',
  })
}

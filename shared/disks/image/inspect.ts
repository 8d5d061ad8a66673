import { z } from 'zod'
import type { DiskCheck } from '#shared/disks/image/checks/check.ts'
import { checkQcow2 } from '#shared/disks/image/checks/qcow2.ts'
import { checkRaw } from '#shared/disks/image/checks/raw.ts'
import { checkVdi } from '#shared/disks/image/checks/vdi.ts'
import { checkVhd } from '#shared/disks/image/checks/vhd.ts'
import { checkVhdx } from '#shared/disks/image/checks/vhdx.ts'
import { checkVmdk } from '#shared/disks/image/checks/vmdk.ts'
import { imageOptions, type DiskFormat } from '#shared/disks/image/formats.ts'
import { withImageFile, type ImageFile } from '#shared/disks/image/image-file.ts'
import { recognise } from '#shared/disks/image/magic.ts'
import { runQemuImg } from '#shared/disks/image/qemu-img.ts'
import { refused } from '#shared/disks/image/refuse.ts'
import type { Workspace } from '#shared/disks/image/workspace.ts'

/** A file in a workspace that holds one disk. */
export interface DiskFile {
  /** Of a file in the workspace. */
  name: string
  format: DiskFormat
}

export interface DiskFileFacts {
  /** Of the disk, not of the file. */
  sizeBytes: number
}

/**
 * Looks at an image file of a stranger. Nothing in it is believed: first its structure is read here, without any other file being opened; only
 * what stands alone, is whole and within the limits is shown to qemu-img, whose opinion must be the same.
 * @throws DiskError `image_refused` with the reason and what to do
 */
export async function inspectDiskFile(
  workspace: Workspace,
  { name, format }: DiskFile,
  signal?: AbortSignal,
): Promise<DiskFileFacts> {
  const facts = await withImageFile(workspace.path(name), async (file) => {
    await checkFormat(file, format)
    return checks[format](file)
  })
  checkSize(facts.sizeBytes, workspace.limits.maxDiskBytes)
  await askQemuImg(workspace, { name, format }, facts, signal)
  return facts
}

const checks: Readonly<Record<DiskFormat, DiskCheck>> = {
  raw: checkRaw,
  qcow2: checkQcow2,
  vmdk: checkVmdk,
  vhd: checkVhd,
  vhdx: checkVhdx,
  vdi: checkVdi,
}

async function checkFormat(file: ImageFile, format: DiskFormat): Promise<void> {
  if (file.sizeBytes === 0) throw refused('it is empty', 'Transfer the file again, whole.')
  const found = await recognise(file)
  if (found === (format === 'raw' ? undefined : format)) return
  if (format === 'vmdk' && found === 'vmdk descriptor')
    throw refused(
      'its data is in other files, which its descriptor names',
      'Export it as one file: qemu-img convert -O vmdk -o subformat=streamOptimized IN OUT, or as OVA.',
    )
  throw found === undefined
    ? refused(`it is not ${format}: nothing in it says so`, 'Name the format that the file has.')
    : refused(`it is ${found}, not ${format}`, `Name ${found} as its format, if that is what it should be.`)
}

function checkSize(sizeBytes: number, maxBytes: number): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % 512 !== 0)
    throw refused(`its disk would have ${sizeBytes} bytes`)
  if (sizeBytes > maxBytes)
    throw refused(
      `its disk would have ${sizeBytes} bytes, and ${maxBytes} are the most`,
      'Shrink the disk before it is exported.',
    )
}

/** What `qemu-img info --output=json` tells, as far as it matters. */
const told = z.object({
  'virtual-size': z.number(),
  'backing-filename': z.string().optional(),
  encrypted: z.boolean().optional(),
  'format-specific': z
    .object({
      data: z.object({
        'data-file': z.string().optional(),
        encrypt: z.unknown().optional(),
        extents: z.array(z.object({ filename: z.string().optional() })).optional(),
      }),
    })
    .optional(),
})

async function askQemuImg(
  workspace: Workspace,
  { name, format }: DiskFile,
  facts: DiskFileFacts,
  signal: AbortSignal | undefined,
): Promise<void> {
  let path = ''
  const { stdout } = await runQemuImg(
    workspace,
    [{ name }],
    (given = '') => ['info', '--output=json', '--image-opts', imageOptions((path = given), format)],
    { cpuS: workspace.limits.maxInspectCpuS, signal },
  )
  const answer = told.parse(JSON.parse(stdout))
  const specific = answer['format-specific']?.data
  if (answer['backing-filename'] !== undefined) throw refused('it builds on another file (a backing file)')
  if (specific?.['data-file'] !== undefined) throw refused('its data is in another file (a data file)')
  if (answer.encrypted === true || specific?.encrypt !== undefined) throw refused('it is encrypted')
  if (specific?.extents?.some(({ filename }) => filename !== undefined && filename !== path))
    throw refused('its data is in other files')
  if (answer['virtual-size'] !== facts.sizeBytes)
    throw refused(`its size can be read in two ways: ${facts.sizeBytes} and ${answer['virtual-size']} bytes`)
}

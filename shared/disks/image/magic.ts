import type { FileFormat } from '#shared/disks/image/formats.ts'
import type { ImageFile } from '#shared/disks/image/image-file.ts'

/** What a file says that it is, by the marks that formats put at its beginning or end; undefined: none of these, which raw must be. */
export async function recognise(file: ImageFile): Promise<FileFormat | 'vmdk descriptor' | undefined> {
  const head = await file.at(0, Math.min(file.sizeBytes, 512), 'its beginning')
  const starts = (mark: string, at = 0) => head.toString('latin1', at, at + mark.length) === mark
  if (starts('QFI\u00fb')) return 'qcow2'
  if (starts('KDMV') || starts('COWD')) return 'vmdk'
  if (starts('vhdxfile')) return 'vhdx'
  if (starts('\u007f\u0010\u00da\u00be', 64)) return 'vdi'
  if (/^\s*#\s*Disk\s+DescriptorFile/i.test(head.toString('latin1'))) return 'vmdk descriptor'
  if (starts('ustar', 257)) return 'ova'
  if (starts('conectix')) return 'vhd'
  if (file.sizeBytes < 1024) return undefined
  const tail = await file.at(file.sizeBytes - 512, 512, 'its end')
  return tail.toString('latin1', 0, 8) === 'conectix' ? 'vhd' : undefined
}

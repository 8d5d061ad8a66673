import { guessFilesystem, type FilesystemKind } from '#shared/disks/filesystems.ts'
import { readGpt, readMbr, type Partition, type SectorReader } from '#shared/disks/partitions.ts'
import type { DiskSource } from '#shared/disks/port.ts'
import { readRange } from '#shared/disks/read.ts'
import { isZero } from '#shared/disks/zeros.ts'

export type { FilesystemKind } from '#shared/disks/filesystems.ts'

export interface DiskPartition extends Partition {
  /** Undefined: none that is known here. */
  filesystem?: FilesystemKind
}

/** What a disk looks like from outside, as far as a few reads show. */
export interface DiskReport {
  partitionTable: 'mbr' | 'gpt' | 'none'
  /** In the table's order, logical ones last; at most 128. */
  partitions: DiskPartition[]
  /** What the disk is prepared to be started by. `unknown`: it shows neither. */
  firmware: 'bios' | 'uefi' | 'both' | 'unknown'
  /** A file system that takes the whole disk, without partitions. */
  filesystem?: FilesystemKind
}

/**
 * Looks at a disk: partition table, partitions, file systems by their magic numbers, and the firmware it is prepared for (an EFI
 * system partition; boot code with an active partition, a BIOS-boot partition, or no table at all). Guest data is not trusted: whatever the
 * bytes, the answer is a report, at most some 300 small reads were made, and all of them inside of the disk. Only reading itself may fail.
 */
export const inspectDisk = async (source: DiskSource, signal?: AbortSignal): Promise<DiskReport> => {
  const read: SectorReader = async (offset, length) => {
    signal?.throwIfAborted()
    const inside =
      Number.isSafeInteger(offset) && offset >= 0 && length > 0 && offset + length <= source.sizeBytes
    return inside ? await readRange(source, { offset, length }, signal) : undefined
  }
  const whole = await guessFilesystem(read, 0, source.sizeBytes)
  const mbr = await readMbr(read, source.sizeBytes)
  const gpt = mbr?.protective || !mbr ? await readGpt(read, source.sizeBytes) : undefined
  const bootCode = await readBootCode(read)

  // A FAT or NTFS volume begins with a boot sector that looks much like an MBR; its "partitions" do not survive the check.
  const table = gpt ?? (mbr && mbr.partitions.length > 0 ? mbr.partitions : undefined)
  if (table === undefined) {
    const starts = bootCode.present && whole === undefined
    return {
      partitionTable: 'none',
      partitions: [],
      firmware: starts ? 'bios' : 'unknown',
      ...(whole && { filesystem: whole }),
    }
  }

  const partitions: DiskPartition[] = []
  for (const partition of table.slice(0, MOST_PARTITIONS)) {
    const filesystem = await guessFilesystem(read, partition.start, partition.size)
    partitions.push({ ...partition, ...(filesystem && { filesystem }) })
  }
  return { partitionTable: gpt ? 'gpt' : 'mbr', partitions, firmware: firmwareOf(partitions, bootCode) }
}

const MOST_PARTITIONS = 128
const ESP = new Set(['c12a7328-f81f-11d2-ba4b-00a0c93ec93b', '0xef'])
const BIOS_BOOT = '21686148-6449-6e6f-744e-656564454649'

const firmwareOf = (partitions: Partition[], bootCode: BootCode): DiskReport['firmware'] => {
  const uefi = partitions.some(({ type }) => ESP.has(type))
  const marked = partitions.some(({ type, bootable }) => bootable || type === BIOS_BOOT)
  // GRUB in the MBR needs no active partition.
  const bios = bootCode.present && (marked || bootCode.grub)
  if (uefi && bios) return 'both'
  if (uefi) return 'uefi'
  return bios ? 'bios' : 'unknown'
}

interface BootCode {
  present: boolean
  grub: boolean
}

/** The first 440 bytes of the disk, where the BIOS finds a program if the sector ends in 55 AA. */
const readBootCode = async (read: SectorReader): Promise<BootCode> => {
  const sector = await read(0, 512)
  if (sector === undefined || sector.readUInt16BE(510) !== 0x55aa) return { present: false, grub: false }
  const code = sector.subarray(0, 440)
  return { present: !isZero(code), grub: code.includes('GRUB') }
}

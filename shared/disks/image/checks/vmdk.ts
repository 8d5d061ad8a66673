import type { DiskCheck } from '#shared/disks/image/checks/check.ts'
import { checkDescriptor } from '#shared/disks/image/checks/vmdk-descriptor.ts'
import type { ImageFile } from '#shared/disks/image/image-file.ts'
import { refused, truncated } from '#shared/disks/image/refuse.ts'

/**
 * VMDK in one file: monolithicSparse or streamOptimized. A descriptor that names other files is refused, wherever it stands: as the file itself,
 * where the header points, or where QEMU looks for it whatever the header says.
 * VMware, "Virtual Disk Format 5.0".
 */
export const checkVmdk: DiskCheck = async (file) => {
  const first = await file.at(0, 4, 'the header')
  if (first.toString('latin1') !== 'KDMV')
    throw refused('it is not a VMDK that holds its data itself', oneFile)
  const header = readHeader(await file.at(0, sectorBytes, 'the header'))
  // QEMU takes a header without a size for a descriptor that names other files.
  if (header.sectors === 0n) throw refused('its data is in other files', oneFile)
  await checkDescriptors(file, header)
  const real = header.directory === atEnd ? await readFooter(file, header) : header
  await checkGrains(file, real)
  return { sizeBytes: Number(real.sectors) * sectorBytes }
}

const sectorBytes = 512
const atEnd = 0xffff_ffff_ffff_ffffn
const oneFile =
  'Export it as one file: qemu-img convert -O vmdk -o subformat=streamOptimized IN OUT, or as OVA.'

interface Header {
  sectors: bigint
  grainSectors: number
  descriptor: { offset: number; bytes: number }
  perTable: number
  directory: bigint
  packed: boolean
  zeroGrains: boolean
}

function readHeader(bytes: Buffer): Header {
  const version = bytes.readUInt32LE(4)
  const flags = bytes.readUInt32LE(8)
  if (version < 1 || version > 3) throw refused(`it is VMDK of version ${version}`)
  const [grain, perTable] = [bytes.readBigUInt64LE(20), bytes.readUInt32LE(44)]
  // 4 KiB to 1 MiB; 64 KiB is what everybody writes.
  if (grain < 8n || grain > 2048n || (grain & (grain - 1n)) !== 0n)
    throw refused(`its grains have ${grain} sectors`)
  if (perTable < 1 || perTable > 512) throw refused(`its grain tables have ${perTable} entries`)
  const compression = bytes.readUInt16LE(77)
  if (compression > 1) throw refused(`it is packed in a way that is not known (${compression})`)
  const descriptorSectors = bytes.readBigUInt64LE(36)
  if (descriptorSectors > 2048n) throw refused('its descriptor is larger than any disk needs')
  return {
    sectors: bytes.readBigUInt64LE(12),
    grainSectors: Number(grain),
    descriptor: {
      offset: Number(bytes.readBigUInt64LE(28)) * sectorBytes,
      bytes: Number(descriptorSectors) * sectorBytes,
    },
    perTable,
    directory: bytes.readBigUInt64LE(56),
    packed: compression === 1,
    zeroGrains: (flags & 4) !== 0,
  }
}

async function checkDescriptors(file: ImageFile, { descriptor, sectors }: Header): Promise<void> {
  const texts = [
    await file.at(descriptor.offset, descriptor.bytes, 'the descriptor'),
    await file.at(sectorBytes, Math.min(20 * sectorBytes, file.sizeBytes - sectorBytes), 'the descriptor'),
  ]
  for (const text of texts) checkDescriptor(text, sectors)
}

/** A streamed disk has its final header before the last sector. */
async function readFooter(file: ImageFile, header: Header): Promise<Header> {
  const bytes = await file.at(file.sizeBytes - 2 * sectorBytes, sectorBytes, 'the footer')
  if (bytes.toString('latin1', 0, 4) !== 'KDMV') throw truncated('the footer')
  const footer = readHeader(bytes)
  if (footer.sectors !== header.sectors)
    throw refused(`it says at its beginning ${header.sectors} sectors, at its end ${footer.sectors}`)
  if (footer.directory === atEnd) throw refused('its footer says nothing of where its tables are')
  return footer
}

async function checkGrains(file: ImageFile, header: Header): Promise<void> {
  const { sectors, grainSectors, perTable, packed, zeroGrains } = header
  const tableCount = Number((sectors - 1n) / BigInt(grainSectors * perTable)) + 1
  const used = { tables: 0, grains: 0, last: 0 }
  const directory = {
    offset: Number(header.directory) * sectorBytes,
    count: tableCount,
    entryBytes: 4 as const,
  }
  for await (const { bytes, at } of file.entries({ ...directory, what: 'the grain directory' })) {
    const sector = bytes.readUInt32LE(at)
    if (sector === 0) continue
    used.tables += 1
    if (used.tables * perTable * 4 > file.sizeBytes) throw moreThanHeld()
    const table = { offset: sector * sectorBytes, count: perTable, entryBytes: 4 as const }
    for await (const entry of file.entries({ ...table, what: 'a grain table' })) {
      const grain = entry.bytes.readUInt32LE(entry.at)
      if (grain === 0 || (grain === 1 && zeroGrains)) continue
      used.grains += 1
      used.last = Math.max(used.last, grain)
    }
  }
  if (used.grains > 0) await checkLastGrain(file, used.last * sectorBytes, header)
  // A packed grain takes a sector at least, a plain one its whole size.
  const perGrain = packed ? 1 : grainSectors
  if (used.grains * perGrain * sectorBytes > file.sizeBytes + grainSectors * sectorBytes) throw moreThanHeld()
}

/** A packed grain says how long it is: block number in 8 bytes, length in 4, then its bytes. */
async function checkLastGrain(
  file: ImageFile,
  offset: number,
  { packed, grainSectors }: Header,
): Promise<void> {
  const bytes = packed
    ? 12 + (await file.at(offset, 12, 'a grain')).readUInt32LE(8)
    : grainSectors * sectorBytes
  await file.at(offset + bytes - 1, 1, 'a grain')
}

const moreThanHeld = () => refused('its tables list more data than the file holds')

/** Reads every file of a FAT12 or FAT16 file system, following the chains of the first table. Its own reading of the specification. */
export function readFat(volume: Buffer): Map<string, Buffer> {
  const sectorBytes = volume.readUInt16LE(11)
  const clusterBytes = volume.readUInt8(13) * sectorBytes
  const fatStart = volume.readUInt16LE(14) * sectorBytes
  const fatBytes = volume.readUInt16LE(22) * sectorBytes
  const rootStart = fatStart + volume.readUInt8(16) * fatBytes
  const dataStart = rootStart + volume.readUInt16LE(17) * 32
  const sectors = volume.readUInt16LE(19) || volume.readUInt32LE(32)
  const narrow = (sectors * sectorBytes - dataStart) / clusterBytes < 4085

  const next = (cluster: number): number => {
    if (!narrow) return volume.readUInt16LE(fatStart + cluster * 2)
    const pair = volume.readUInt16LE(fatStart + Math.floor(cluster * 1.5))
    const entry = cluster % 2 === 0 ? pair & 0xfff : pair >> 4
    return entry >= 0xff8 ? 0xffff : entry
  }
  const chain = (first: number): Buffer => {
    const parts: Buffer[] = []
    for (let cluster = first; cluster < 0xfff8; cluster = next(cluster)) {
      if (cluster < 2) throw new Error(`cluster ${cluster} in a chain`)
      const start = dataStart + (cluster - 2) * clusterBytes
      parts.push(volume.subarray(start, start + clusterBytes))
    }
    return Buffer.concat(parts)
  }

  const files = new Map<string, Buffer>()
  const walk = (directory: Buffer, parent: string) => {
    let longName = ''
    for (let at = 0; at < directory.length && directory[at] !== 0; at += 32) {
      const entry = directory.subarray(at, at + 32)
      const attributes = entry.readUInt8(11)
      if (attributes === 0x0f) {
        longName = namePart(entry) + longName
        continue
      }
      const base = entry.toString('latin1', 0, 8).trimEnd()
      const extension = entry.toString('latin1', 8, 11).trimEnd()
      const name = longName || base + (extension && `.${extension}`)
      longName = ''
      if (attributes & 0x08 || base.startsWith('.')) continue
      const first = entry.readUInt16LE(26)
      const content = first === 0 ? Buffer.alloc(0) : chain(first)
      if (attributes & 0x10) walk(content, `${parent}${name}/`)
      else files.set(parent + name, content.subarray(0, entry.readUInt32LE(28)))
    }
  }
  walk(volume.subarray(rootStart, dataStart), '')
  return files
}

/** Thirteen characters of a long name, up to its end. */
function namePart(entry: Buffer): string {
  const units = Buffer.concat([entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28, 32)])
  return units.toString('utf16le').split('\0')[0]?.replaceAll('\uffff', '') ?? ''
}

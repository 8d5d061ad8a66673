/** Reads every file of a FAT16 file system, following the chains of the first table. Its own reading of the specification. */
export function readFat16(volume: Buffer): Map<string, Buffer> {
  const sectorBytes = volume.readUInt16LE(11)
  const clusterBytes = volume.readUInt8(13) * sectorBytes
  const fatStart = volume.readUInt16LE(14) * sectorBytes
  const fatBytes = volume.readUInt16LE(22) * sectorBytes
  const rootStart = fatStart + volume.readUInt8(16) * fatBytes
  const dataStart = rootStart + volume.readUInt16LE(17) * 32

  const chain = (first: number): Buffer => {
    const parts: Buffer[] = []
    for (let cluster = first; cluster < 0xfff8; cluster = volume.readUInt16LE(fatStart + cluster * 2)) {
      if (cluster < 2) throw new Error(`cluster ${cluster} in a chain`)
      const start = dataStart + (cluster - 2) * clusterBytes
      parts.push(volume.subarray(start, start + clusterBytes))
    }
    return Buffer.concat(parts)
  }

  const files = new Map<string, Buffer>()
  const walk = (directory: Buffer, parent: string) => {
    for (let at = 0; at < directory.length && directory[at] !== 0; at += 32) {
      const attributes = directory.readUInt8(at + 11)
      const base = directory.toString('latin1', at, at + 8).trimEnd()
      const extension = directory.toString('latin1', at + 8, at + 11).trimEnd()
      if (attributes & 0x08 || base.startsWith('.')) continue
      const path = parent + base + (extension && `.${extension}`)
      const content = chain(directory.readUInt16LE(at + 26))
      if (attributes & 0x10) walk(content, `${path}/`)
      else files.set(path, content.subarray(0, directory.readUInt32LE(at + 28)))
    }
  }
  walk(volume.subarray(rootStart, dataStart), '')
  return files
}

/** One entry of an archive. Folders must come before what is in them. */
export interface CpioEntry {
  path: string
  /** Type and permissions as in `stat`: 0o100755 an executable, 0o40755 a folder. */
  mode: number
  data?: Buffer
}

/** A cpio archive in the "newc" format, which the Linux kernel unpacks as its first file system. Everything belongs to root. */
export function writeCpio(entries: CpioEntry[]): Buffer {
  const all = [...entries, { path: 'TRAILER!!!', mode: 0 }]
  return Buffer.concat(all.flatMap((entry, index) => encode(entry, index + 1)))
}

function encode({ path, mode, data = Buffer.alloc(0) }: CpioEntry, inode: number): Buffer[] {
  const name = Buffer.from(`${path}\0`)
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length, 0]
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`)
  return [header, name, padding(header.length + name.length), data, padding(data.length)]
}

const padding = (length: number): Buffer => Buffer.alloc(-length & 3)

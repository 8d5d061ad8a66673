import type { DiskFormat } from '#shared/disks/image/formats.ts'
import { mib } from '#test/shared/disks/image/files.ts'

/** A change that makes a sound image file say what is not so. */
export interface Lie {
  title: string
  format: DiskFormat
  /** Subformat that the sound file is made with. */
  options?: string
  reason: RegExp
  /** Changes a sound file of a disk of 5 MiB; cut to what it returns, if it does. */
  tell: (bytes: Buffer) => Buffer | void
}

export const stream = 'subformat=streamOptimized'
const sparse = 'subformat=monolithicSparse'
const fixed = 'subformat=fixed,force_size=on'
const dynamic = 'subformat=dynamic,force_size=on'

function sumAgain(bytes: Buffer, start: number, length: number, at: number): void {
  bytes.writeUInt32BE(0, start + at)
  const sum = bytes.subarray(start, start + length).reduce((all, byte) => all + byte, 0)
  bytes.writeUInt32BE(~sum >>> 0, start + at)
}

/** As VMware streams it: where the tables are is said behind them, in a footer. */
export function withFooter(bytes: Buffer): Buffer {
  const header = Buffer.from(bytes.subarray(0, 512))
  const marker = Buffer.alloc(512)
  marker.writeUInt32LE(1, 0)
  marker.writeUInt32LE(3, 12)
  const whole = Buffer.concat([bytes, marker, header, Buffer.alloc(512)])
  whole.writeBigUInt64LE(2n ** 64n - 1n, 56)
  return whole
}

/** Changes a fixed or dynamic VHD's footer, and its copy, keeping its checksum right. */
function editFooter(bytes: Buffer, edit: (footer: Buffer) => void): void {
  const end = bytes.length - 512
  edit(bytes.subarray(end))
  sumAgain(bytes, end, 512, 64)
  if (bytes.toString('latin1', 0, 8) === 'conectix') bytes.copy(bytes, 0, end)
}

export const lies: Lie[] = [
  {
    title: 'a QCOW2 that claims 2^62 bytes',
    format: 'qcow2',
    reason: /first table has 1 entries/,
    tell: (bytes) => void bytes.writeBigUInt64BE(2n ** 62n, 24),
  },
  {
    title: 'a QCOW2 whose first table has more entries than any disk needs',
    format: 'qcow2',
    reason: /first table takes/,
    tell: (bytes) => void bytes.writeUInt32BE(2 ** 28, 36),
  },
  {
    title: 'a QCOW2 whose first table lies behind its end',
    format: 'qcow2',
    reason: /first table lies outside/,
    tell: (bytes) => void bytes.writeBigUInt64BE(2n ** 40n, 40),
  },
  {
    title: 'a QCOW2 whose reference counts lie behind its end',
    format: 'qcow2',
    reason: /reference counts lies outside/,
    tell: (bytes) => void bytes.writeBigUInt64BE(2n ** 40n, 48),
  },
  {
    title: 'a QCOW2 with more reference counts than any disk needs',
    format: 'qcow2',
    reason: /reference counts takes/,
    tell: (bytes) => void bytes.writeUInt32BE(2 ** 30, 56),
  },
  {
    title: 'a QCOW2 with a hundred thousand snapshots',
    format: 'qcow2',
    reason: /snapshots takes/,
    tell: (bytes) => void bytes.writeUInt32BE(100_000, 60),
  },
  {
    title: 'a QCOW2 that was cut',
    format: 'qcow2',
    reason: /outside of the file/,
    tell: (bytes) => bytes.subarray(0, Math.floor(bytes.length / 2)),
  },
  {
    title: 'a QCOW2 whose clusters are all one',
    format: 'qcow2',
    reason: /more data than the file holds/,
    tell: (bytes) => {
      const second = Number(bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(40))) & 0xfffffffffffe00n)
      const entry = bytes.readBigUInt64BE(second)
      for (let index = 0; index < 80; index++) bytes.writeBigUInt64BE(entry, second + index * 8)
    },
  },
  {
    title: 'an encrypted QCOW2',
    format: 'qcow2',
    reason: /encrypted/,
    tell: (bytes) => void bytes.writeUInt32BE(2, 32),
  },
  {
    title: 'a QCOW2 with a feature of the future',
    format: 'qcow2',
    reason: /features that are not known/,
    tell: (bytes) => void bytes.writeBigUInt64BE(2n ** 40n, 72),
  },
  {
    title: 'a sparse VMDK that claims more than its descriptor says',
    format: 'vmdk',
    options: sparse,
    reason: /descriptor says 10240 sectors, its header 20480/,
    tell: (bytes) => void bytes.writeBigUInt64LE(20480n, 12),
  },
  {
    title: 'a streamed VMDK whose end claims more than its beginning',
    format: 'vmdk',
    options: stream,
    reason: /at its end 999/,
    tell: (bytes) => {
      const streamed = withFooter(bytes)
      streamed.writeBigUInt64LE(999n, streamed.length - 1024 + 12)
      return streamed
    },
  },
  {
    title: 'a streamed VMDK that was cut',
    format: 'vmdk',
    options: stream,
    reason: /footer lies outside/,
    tell: (bytes) => withFooter(bytes).subarray(0, -512),
  },
  {
    title: 'a packed VMDK that was cut',
    format: 'vmdk',
    options: stream,
    reason: /a grain lies outside/,
    tell: (bytes) => bytes.subarray(0, Math.floor(bytes.length * 0.8)),
  },
  {
    title: 'a sparse VMDK that was cut',
    format: 'vmdk',
    options: sparse,
    reason: /a grain lies outside/,
    tell: (bytes) => bytes.subarray(0, -512),
  },
  {
    title: 'a sparse VMDK whose grain table lies behind its end',
    format: 'vmdk',
    options: sparse,
    reason: /a grain lies outside/,
    tell: (bytes) => {
      const directory = Number(bytes.readBigUInt64LE(56)) * 512
      bytes.writeUInt32LE(0x00ff_ffff, bytes.readUInt32LE(directory) * 512)
    },
  },
  {
    title: 'a sparse VMDK whose grains are all one',
    format: 'vmdk',
    options: sparse,
    reason: /more data than the file holds/,
    tell: (bytes) => {
      const directory = Number(bytes.readBigUInt64LE(56)) * 512
      const table = bytes.readUInt32LE(directory) * 512
      for (let index = 0; index < 80; index++)
        bytes.writeUInt32LE(bytes.readUInt32LE(table), table + index * 4)
    },
  },
  {
    title: 'a fixed VHD that claims more than it holds',
    format: 'vhd',
    options: fixed,
    reason: /but the file holds 5242880/,
    tell: (bytes) => editFooter(bytes, (footer) => footer.writeBigUInt64BE(2n ** 40n, 48)),
  },
  {
    title: 'a VHD with a wrong checksum',
    format: 'vhd',
    options: fixed,
    reason: /checksum/,
    tell: (bytes) => void bytes.writeUInt8(7, bytes.length - 1),
  },
  {
    title: 'a fixed VHD that begins as a dynamic one',
    format: 'vhd',
    options: fixed,
    reason: /begins like/,
    tell: (bytes) => void bytes.write('conectix'),
  },
  {
    title: 'a VHD that builds on another',
    format: 'vhd',
    options: dynamic,
    reason: /a parent/,
    tell: (bytes) => editFooter(bytes, (footer) => footer.writeUInt32BE(4, 60)),
  },
  {
    title: 'a dynamic VHD that claims more than its table has',
    format: 'vhd',
    options: dynamic,
    reason: /table has \d+ entries/,
    tell: (bytes) => editFooter(bytes, (footer) => footer.writeBigUInt64BE(2n ** 40n, 48)),
  },
  {
    title: 'a dynamic VHD whose block lies behind its end',
    format: 'vhd',
    options: dynamic,
    reason: /a block lies outside/,
    tell: (bytes) => {
      const header = Number(bytes.readBigUInt64BE(16))
      bytes.writeUInt32BE(2 ** 30, Number(bytes.readBigUInt64BE(header + 16)))
    },
  },
  {
    title: 'a VHDX that was cut',
    format: 'vhdx',
    options: 'subformat=fixed',
    reason: /outside of the file/,
    tell: (bytes) => bytes.subarray(0, bytes.length - 2 * mib),
  },
  {
    title: 'a VHDX with a log',
    format: 'vhdx',
    reason: /log/,
    tell: (bytes) => void bytes.fill(1, 64 * 1024 + 48, 64 * 1024 + 64),
  },
  {
    title: 'a VHDX that builds on another',
    format: 'vhdx',
    reason: /a parent/,
    tell: (bytes) => {
      const parameters = Buffer.from('3767a1ca36fa434db3b633f0aa44e76b', 'hex')
      const entry = bytes.indexOf(parameters)
      const table = bytes.indexOf('metadata')
      const at = table + bytes.readUInt32LE(entry + 16) + 4
      bytes.writeUInt32LE(bytes.readUInt32LE(at) | 2, at)
    },
  },
  {
    title: 'a VDI that builds on another',
    format: 'vdi',
    reason: /a parent/,
    tell: (bytes) => void bytes.fill(1, 440, 456),
  },
  {
    title: 'a VDI that was cut',
    format: 'vdi',
    reason: /outside of the file/,
    tell: (bytes) => bytes.subarray(0, mib),
  },
  {
    title: 'a raw disk with part of a sector',
    format: 'raw',
    reason: /whole number of 512-byte sectors/,
    tell: (bytes) => bytes.subarray(0, 70_000),
  },
]

import { execFileSync } from 'node:child_process'
import { mkdtemp, open, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { inspectDisk } from '#shared/disks/inspect.ts'
import { openRawSource } from '#shared/disks/raw.ts'
import { buildGuestDisk } from '#test/clouds/guest/disk.ts'
import { memorySource } from './memory.ts'
import { BIOS_BOOT, ESP, LINUX, MIB, resignGpt, writeGpt, writeMbr, type GptEntry } from './tables.ts'

const inspect = (bytes: Buffer, granularityBytes = 512) =>
  inspectDisk(memorySource(bytes, [], { granularityBytes }))

describe('partition tables', () => {
  test('an MBR with logical partitions is read, in bytes', async () => {
    const disk = Buffer.alloc(8 * MIB)
    writeMbr(
      disk,
      [
        { type: 0x83, first: 2048, sectors: 2048, active: true },
        { type: 0x05, first: 4096, sectors: 8192 },
      ],
      { code: '\xebboot' },
    )
    writeMbr(
      disk,
      [
        { type: 0x82, first: 64, sectors: 1000 },
        { type: 0x05, first: 2048, sectors: 2048 },
      ],
      { at: 4096 * 512 },
    )
    writeMbr(disk, [{ type: 0x8e, first: 64, sectors: 1000 }], { at: 6144 * 512 })
    expect(await inspect(disk)).toEqual({
      partitionTable: 'mbr',
      partitions: [
        { start: MIB, size: MIB, type: '0x83', bootable: true },
        { start: 2 * MIB, size: 4 * MIB, type: '0x05', bootable: false },
        { start: 4160 * 512, size: 512_000, type: '0x82', bootable: false },
        { start: 6208 * 512, size: 512_000, type: '0x8e', bootable: false },
      ],
      firmware: 'bios',
    })
  })

  test('a chain of logical partitions that bites its tail ends', async () => {
    const disk = writeMbr(Buffer.alloc(4 * MIB), [{ type: 0x0f, first: 2048, sectors: 4096 }])
    writeMbr(
      disk,
      [
        { type: 0x83, first: 1, sectors: 5 },
        { type: 0x05, first: 0x800, sectors: 5 },
      ],
      { at: MIB },
    )
    writeMbr(
      disk,
      [
        { type: 0x83, first: 1, sectors: 5 },
        { type: 0x05, first: 0x800, sectors: 5 },
      ],
      { at: 2 * MIB },
    )
    expect((await inspect(disk)).partitions).toHaveLength(3)
  })

  test.each([512, 4096])('a GPT in sectors of %i bytes is read, with its names', async (sector) => {
    const disk = writeGpt(
      Buffer.alloc(8 * MIB),
      [
        { type: ESP, first: MIB / sector, last: (2 * MIB) / sector - 1, name: 'EFI System' },
        { type: LINUX, first: (2 * MIB) / sector, last: (6 * MIB) / sector - 1 },
      ],
      { sector },
    )
    expect(await inspect(disk, sector)).toEqual({
      partitionTable: 'gpt',
      partitions: [
        { start: MIB, size: MIB, type: ESP, bootable: false, name: 'EFI System' },
        { start: 2 * MIB, size: 4 * MIB, type: LINUX, bootable: false },
      ],
      firmware: 'uefi',
    })
  })

  test('a GPT whose first copy is damaged is read from the second', async () => {
    const disk = writeGpt(Buffer.alloc(4 * MIB), [{ type: LINUX, first: 2048, last: 4095 }])
    disk.writeUInt8(9, 512 + 72)
    expect(await inspect(disk)).toMatchObject({
      partitionTable: 'gpt',
      partitions: [{ start: MIB, size: MIB }],
    })
    disk.writeUInt8(9, disk.length - 512 + 72)
    expect(await inspect(disk)).toMatchObject({ partitionTable: 'mbr', partitions: [{ type: '0xee' }] })
  })

  test('an empty disk and one that is smaller than a sector have no table', async () => {
    for (const size of [0, 1, 511, 512, MIB])
      expect(await inspect(Buffer.alloc(size))).toEqual({
        partitionTable: 'none',
        partitions: [],
        firmware: 'unknown',
      })
  })
})

describe('firmware', () => {
  const gpt = (list: GptEntry[], code = '') => inspect(writeGpt(Buffer.alloc(8 * MIB), list, { code }))
  const esp = { type: ESP, first: 2048, last: 4095 }

  test.each([
    ['both', [esp, { type: BIOS_BOOT, first: 4096, last: 4200 }], '\xebGRUB'],
    ['both', [esp, { type: LINUX, first: 4096, last: 4200, legacyBootable: true }], '\xeb'],
    ['uefi', [esp, { type: BIOS_BOOT, first: 4096, last: 4200 }], ''],
    ['bios', [{ type: BIOS_BOOT, first: 4096, last: 4200 }], '\xeb'],
    ['unknown', [{ type: LINUX, first: 4096, last: 4200 }], '\xeb'],
  ] as const)('a GPT disk is prepared for %s', async (firmware, list, code) => {
    expect((await gpt([...list], code)).firmware).toBe(firmware)
  })

  test('an MBR disk needs boot code and an active partition, or GRUB, to start by BIOS; an EF partition starts by UEFI', async () => {
    const mbr = async (active: boolean, code: string, type = 0x83): Promise<string> =>
      (await inspect(writeMbr(Buffer.alloc(2 * MIB), [{ type, first: 64, sectors: 64, active }], { code })))
        .firmware
    expect(await mbr(true, '\xeb')).toBe('bios')
    expect(await mbr(false, '\xeb')).toBe('unknown')
    expect(await mbr(false, '\xeb\x63GRUB')).toBe('bios')
    expect(await mbr(true, '')).toBe('unknown')
    expect(await mbr(false, '', 0xef)).toBe('uefi')
    expect(await mbr(true, '\xeb', 0xef)).toBe('both')
  })

  test('a disk that is nothing but a boot sector starts by BIOS', async () => {
    const disk = writeMbr(Buffer.alloc(MIB), [], { code: '\xebboot' })
    expect(await inspect(disk)).toEqual({ partitionTable: 'none', partitions: [], firmware: 'bios' })
  })
})

describe('file systems', () => {
  const signatures: Record<string, (partition: Buffer) => void> = {
    xfs: (p) => p.write('XFSB'),
    btrfs: (p) => p.write('_BHRfS_M', 65_600),
    ntfs: (p) => p.write('\xebR\x90NTFS    ', 'latin1'),
    luks: (p) => p.write('LUKS\xba\xbe', 'latin1'),
    lvm2: (p) => p.write('LABELONE', 512) + p.write('LVM2 001', 536),
    swap: (p) => p.write('SWAPSPACE2', 4086),
    fat: (p) => p.write('FAT32   ', 82) + p.writeUInt16BE(0x55aa, 510),
    ext2: (p) => p.writeUInt16LE(0xef53, 1080),
    ext3: (p) => p.writeUInt16LE(0xef53, 1080) + p.writeUInt32LE(4, 1116),
    ext4: (p) => p.writeUInt16LE(0xef53, 1080) + p.writeUInt32LE(4, 1116) + p.writeUInt32LE(0x40, 1120),
  }

  test.each(Object.keys(signatures))('%s is recognised, in a partition and on a whole disk', async (kind) => {
    const disk = writeMbr(Buffer.alloc(2 * MIB), [{ type: 0x83, first: 2048, sectors: 2048 }])
    signatures[kind]?.(disk.subarray(MIB))
    expect((await inspect(disk)).partitions[0]?.filesystem).toBe(kind)
    const whole = Buffer.alloc(MIB)
    signatures[kind]?.(whole)
    expect(await inspect(whole)).toMatchObject({
      partitionTable: 'none',
      filesystem: kind,
      firmware: 'unknown',
    })
  })

  test.runIf(existsTool('mkfs.ext4') && existsTool('mkswap'))(
    'what the real tools make is recognised',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'inspect-'))
      onTestFinished(() => rm(folder, { recursive: true }))
      const path = join(folder, 'image')
      for (const [kind, command, ...args] of [
        ['ext2', 'mkfs.ext4', '-q', '-F', '-t', 'ext2'],
        ['ext3', 'mkfs.ext4', '-q', '-F', '-t', 'ext3'],
        ['ext4', 'mkfs.ext4', '-q', '-F', '-t', 'ext4'],
        ['swap', 'mkswap', '-q'],
      ] as const) {
        await (await open(path, 'w')).close()
        await truncate(path, 16 * MIB)
        execFileSync(command, [...args, path], { stdio: 'ignore' })
        const source = await openRawSource(path)
        expect(await inspectDisk(source)).toMatchObject({ partitionTable: 'none', filesystem: kind })
        await source.close()
      }
    },
  )
})

test('the guest disk that the project builds is one that BIOS starts, with a FAT partition', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'inspect-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await buildGuestDisk({ path: join(folder, 'disk'), sizeBytes: 48 * MIB, unique: 'inspected' })
  const source = await openRawSource(join(folder, 'disk'))
  const report = await inspectDisk(source)
  await source.close()
  expect(report).toMatchObject({
    partitionTable: 'mbr',
    firmware: 'bios',
    partitions: [{ start: MIB, filesystem: 'fat' }],
  })
})

describe('garbage', () => {
  const tables = [
    writeGpt(Buffer.alloc(256 * 1024), [
      { type: ESP, first: 64, last: 100 },
      { type: LINUX, first: 101, last: 2 ** 40 },
    ]),
    writeMbr(Buffer.alloc(64 * 1024), [
      { type: 5, first: 2, sectors: 100 },
      { type: 0x83, first: 8, sectors: 2 ** 31 },
    ]),
  ]
  const patches = fc.array(fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 16 })), { maxLength: 12 })
  const checksum = fc.boolean()

  test('never makes an inspection throw, leave the disk or read much', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1),
        fc.nat(256 * 1024),
        patches,
        checksum,
        fc.constantFrom(1, 512, 4096),
        async (which, cut, edits, resign, granularityBytes) => {
          const disk = Buffer.from((tables[which] ?? Buffer.alloc(0)).subarray(0, cut))
          for (const [at, bytes] of edits) {
            // Mostly where tables are; anywhere now and then.
            const offset = at % 3 === 0 ? at % Math.max(disk.length, 1) : at % 2048
            Buffer.from(bytes).copy(disk, Math.min(offset, disk.length))
          }
          if (resign && disk.length >= 1024) resignGpt(disk)
          const source = memorySource(disk, [], { granularityBytes })
          const report = await inspectDisk(source)
          expect(source.reads.length).toBeLessThan(350)
          for (const { start, size } of report.partitions) {
            expect(start).toBeGreaterThanOrEqual(0)
            expect(size).toBeGreaterThan(0)
            expect(start + size).toBeLessThanOrEqual(disk.length)
          }
        },
      ),
      { numRuns: 400 },
    )
  })

  test('a chain of thousands of logical partitions and a table of a million entries cost little', async () => {
    const chain = writeMbr(Buffer.alloc(4 * MIB), [{ type: 0x05, first: 1, sectors: 8000 }])
    for (let record = 1; record < 8000; record++)
      writeMbr(
        chain,
        [
          { type: 0x83, first: 1, sectors: 1 },
          { type: 0x05, first: record, sectors: 2 },
        ],
        { at: record * 512 },
      )
    const table = writeGpt(Buffer.alloc(4 * MIB), [{ type: LINUX, first: 64, last: 100 }])
    table.writeUInt32LE(30_000, 512 + 80)
    resignGpt(table)
    for (const disk of [chain, table]) {
      const source = memorySource(disk, [], { granularityBytes: 512 })
      await inspectDisk(source)
      expect(source.reads.length).toBeLessThan(350)
      expect(Math.max(...source.reads.map(({ length }) => length))).toBeLessThan(MIB)
    }
  })

  test('that is random all over is no partition table', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (bytes) => {
        expect((await inspect(Buffer.from(bytes), 1)).partitions.length).toBeLessThanOrEqual(4)
      }),
    )
  })
})

function existsTool(command: string): boolean {
  try {
    execFileSync(command, ['-V'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

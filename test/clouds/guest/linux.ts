import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { fatVolume } from '#shared/disks/fat/volume.ts'
import { writeCpio, type CpioEntry } from './cpio.ts'
import { guidPartitionTable } from './gpt.ts'
import { biosBootCode, rootLabel, uefiBootCode } from './grub.ts'
import type { LinuxExtras, LinuxParts } from './linux-parts.ts'
import { partitionEntry, partitionOffsetBytes } from './partition.ts'
import { run } from './run.ts'

const mib = 1024 * 1024

export interface LinuxDisk {
  path: string
  /** Whole MiB; 64 MiB at least, 96 with `extras`. */
  sizeBytes?: number
  unique: string
  parts: LinuxParts
  /** With these it has a GUID partition table, boots by BIOS and by UEFI, and has a guest agent. */
  extras?: LinuxExtras
}

/**
 * Builds a disk with a real Linux: GRUB, kernel, an ext4 root with a few files. Boots in about 5 s without acceleration and prints what the
 * boot-sector guest prints; takes the host name from a cloud-init seed, tells of disks that come and go, and shuts down when the power button is
 * pressed. No rights, loop devices or mounts; about 1 s.
 */
export async function buildLinuxDisk({
  path,
  sizeBytes = 128 * mib,
  unique,
  parts,
  extras,
}: LinuxDisk): Promise<{ path: string; sizeBytes: number; unique: string }> {
  const work = await mkdtemp(join(tmpdir(), 'novacron-linux-'))
  try {
    const tree = await rootTree(work, unique, parts, extras)
    const disk = await open(path, 'w')
    try {
      await disk.truncate(sizeBytes)
      const place = extras
        ? await partitionForBoth(disk, { work, sizeBytes, unique, parts, extras })
        : await partitionForBios(disk, { work, sizeBytes, parts })
      makeExt4({ path, tree, parts, ...place })
      await disk.sync()
    } finally {
      await disk.close()
    }
    return { path, sizeBytes, unique }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function rootTree(
  work: string,
  unique: string,
  parts: LinuxParts,
  extras: LinuxExtras | undefined,
): Promise<string> {
  const tree = join(work, 'tree')
  for (const folder of ['boot', 'etc', 'var', 'bin']) await mkdir(join(tree, folder), { recursive: true })
  await copyFile(parts.kernel, join(tree, 'boot/vmlinuz'))
  await writeFile(join(tree, 'boot/initrd.gz'), await initialFileSystem(parts, extras))
  await copyFile(parts.busybox, join(tree, 'bin/busybox'))
  await writeFile(join(tree, 'etc/hostname'), `${unique}\n`)
  await writeFile(join(tree, 'etc/fstab'), `LABEL=${rootLabel} / ext4 defaults 0 1\n`)
  await writeFile(join(tree, 'var/boots'), '1\n')
  return tree
}

async function initialFileSystem(
  { busybox, modules }: LinuxParts,
  extras: LinuxExtras | undefined,
): Promise<Buffer> {
  const folder = (name: string): CpioEntry => ({ path: name, mode: 0o40755 })
  const file = async (name: string, source: string, mode: number): Promise<CpioEntry> => ({
    path: name,
    mode: 0o100000 | mode,
    data: await readFile(source),
  })
  const agent = extras
    ? [
        folder('lib64'),
        await file('bin/qemu-ga', extras.agent, 0o755),
        ...(await Promise.all(extras.libraries.map(({ name, path }) => file(`lib64/${name}`, path, 0o755)))),
      ]
    : []
  const archive = writeCpio([
    ...['bin', 'dev', 'modules'].map(folder),
    await file('init', join(import.meta.dirname, 'linux-init.sh'), 0o755),
    await file('bin/busybox', busybox, 0o755),
    ...(await Promise.all(modules.map((module) => file(`modules/${basename(module)}`, module, 0o644)))),
    ...agent,
  ])
  return promisify(gzip)(archive)
}

/** Where the root is to be. */
interface Place {
  offsetBytes: number
  sizeBytes: number
}

/** A PC partition table with one partition; GRUB's core lies before it. */
async function partitionForBios(
  disk: FileHandle,
  { work, sizeBytes, parts }: { work: string; sizeBytes: number; parts: LinuxParts },
): Promise<Place> {
  const { sector, core } = await biosBootCode(work, parts, { coreSector: 1, partitions: 'msdos' })
  partitionEntry(0x83, sizeBytes).copy(sector, 446)
  sector.writeUInt16BE(0x55aa, 510)
  const start = Buffer.concat([sector, core])
  await disk.write(start, 0, start.length, 0)
  return { offsetBytes: partitionOffsetBytes, sizeBytes: sizeBytes - partitionOffsetBytes }
}

/** A GUID partition table with a partition for GRUB's core, one for UEFI, and the root. */
async function partitionForBoth(
  disk: FileHandle,
  of: { work: string; sizeBytes: number; unique: string; parts: LinuxParts; extras: LinuxExtras },
): Promise<Place> {
  const { work, sizeBytes, unique, parts, extras } = of
  const write = (data: Buffer, offset: number) => disk.write(data, 0, data.length, offset)
  const core = { offsetBytes: mib, sizeBytes: mib }
  const system = { offsetBytes: 2 * mib, sizeBytes: 16 * mib }
  const root = { offsetBytes: 18 * mib, sizeBytes: sizeBytes - 19 * mib }
  const { head, tail } = guidPartitionTable(sizeBytes, unique, [
    { type: 'bios', name: 'core', ...core },
    { type: 'ef', name: 'system', ...system },
    { type: 'linux', name: 'root', ...root },
  ])
  const boot = await biosBootCode(work, parts, { coreSector: core.offsetBytes / 512, partitions: 'gpt' })
  boot.sector.copy(head, 0, 0, 440)
  await write(head, 0)
  await write(tail, sizeBytes - tail.length)
  await write(boot.core, core.offsetBytes)
  const loader = await uefiBootCode(work, parts, extras.grubEfiDir)
  const volume = fatVolume({
    ...system,
    label: 'EFI',
    serial: 1,
    files: [{ path: 'EFI/BOOT/BOOTX64.EFI', data: loader }],
  })
  for (const { offset, data } of volume) await write(data, system.offsetBytes + offset)
  return root
}

/** GRUB 2.06 cannot read two features that newer versions of mke2fs turn on. */
function makeExt4({
  path,
  tree,
  parts,
  offsetBytes,
  sizeBytes,
}: Place & { path: string; tree: string; parts: LinuxParts }): void {
  run(
    parts.mke2fs,
    [
      ['-q', '-F', '-t', 'ext4', '-O', '^orphan_file,^metadata_csum_seed'],
      ['-L', rootLabel, '-m', '0', '-d', tree, '-E', `offset=${offsetBytes},root_owner=0:0`],
      [path, `${sizeBytes / 1024}k`],
    ].flat(),
  )
}

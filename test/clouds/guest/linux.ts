import { spawnSync } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { writeCpio } from './cpio.ts'
import type { LinuxParts } from './linux-parts.ts'
import { partitionEntry, partitionOffsetBytes } from './partition.ts'

const mib = 1024 * 1024

/**
 * Builds a disk with a real Linux: GRUB for BIOS, kernel, an ext4 root with a few files. Boots in about 5 s
 * without acceleration and prints what the boot-sector guest prints. No rights, loop devices or mounts; about 1 s.
 */
export async function buildLinuxDisk({
  path,
  sizeBytes = 128 * mib,
  unique,
  parts,
}: {
  path: string
  /** Whole MiB, 64 MiB at least. */
  sizeBytes?: number
  unique: string
  parts: LinuxParts
}): Promise<{ path: string; sizeBytes: number; unique: string }> {
  const work = await mkdtemp(join(tmpdir(), 'novacron-linux-'))
  try {
    const tree = join(work, 'tree')
    for (const folder of ['boot', 'etc', 'var', 'bin']) await mkdir(join(tree, folder), { recursive: true })
    await copyFile(parts.kernel, join(tree, 'boot/vmlinuz'))
    await writeFile(join(tree, 'boot/initrd.gz'), await initialFileSystem(parts))
    await copyFile(parts.busybox, join(tree, 'bin/busybox'))
    await writeFile(join(tree, 'etc/hostname'), `${unique}\n`)
    await writeFile(join(tree, 'etc/fstab'), 'LABEL=novacron / ext4 defaults 0 1\n')
    await writeFile(join(tree, 'var/boots'), '1\n')

    const disk = await open(path, 'w')
    try {
      await disk.truncate(sizeBytes)
      makeExt4({ path, sizeBytes: sizeBytes - partitionOffsetBytes, tree, parts })
      const start = await bootCode(work, parts)
      partitionEntry(0x83, sizeBytes).copy(start, 446)
      start.writeUInt16BE(0x55aa, 510)
      await disk.write(start, 0, start.length, 0)
      await disk.sync()
    } finally {
      await disk.close()
    }
    return { path, sizeBytes, unique }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function initialFileSystem({ busybox, modules }: LinuxParts): Promise<Buffer> {
  const folder = (name: string) => ({ path: name, mode: 0o40755 })
  const file = async (name: string, source: string, mode: number) => ({
    path: name,
    mode: 0o100000 | mode,
    data: await readFile(source),
  })
  const archive = writeCpio([
    ...['bin', 'dev', 'modules'].map(folder),
    await file('init', join(import.meta.dirname, 'linux-init.sh'), 0o755),
    await file('bin/busybox', busybox, 0o755),
    ...(await Promise.all(modules.map((module) => file(`modules/${basename(module)}`, module, 0o644)))),
  ])
  return promisify(gzip)(archive)
}

/** GRUB 2.06 cannot read two features that newer versions of mke2fs turn on. */
function makeExt4({
  path,
  sizeBytes,
  tree,
  parts,
}: {
  path: string
  sizeBytes: number
  tree: string
  parts: LinuxParts
}): void {
  const features = '^orphan_file,^metadata_csum_seed'
  const place = `offset=${partitionOffsetBytes},root_owner=0:0`
  const options = [
    '-q',
    '-F',
    '-t',
    'ext4',
    '-O',
    features,
    '-L',
    'novacron',
    '-m',
    '0',
    '-d',
    tree,
    '-E',
    place,
  ]
  run(parts.mke2fs, [...options, path, `${sizeBytes / 1024}k`])
}

/** What lies before the partition: GRUB's boot sector and, right behind it, its core, told what to load. */
async function bootCode(work: string, { grubMkimage, grubDir }: LinuxParts): Promise<Buffer> {
  const config = join(work, 'grub.cfg')
  const core = join(work, 'core.img')
  const kernelOptions = 'console=tty0 console=ttyS0,115200 quiet panic=5'
  await writeFile(
    config,
    `set root=(hd0,msdos1)\nlinux /boot/vmlinuz ${kernelOptions}\ninitrd /boot/initrd.gz\nboot\n`,
  )
  const modules = ['biosdisk', 'part_msdos', 'ext2', 'linux', 'boot']
  run(grubMkimage, ['-O', 'i386-pc', '-d', grubDir, '-c', config, '-p', '/boot/grub', '-o', core, ...modules])

  const sector = Buffer.alloc(512)
  const image = await readFile(join(grubDir, 'boot.img'))
  image.copy(sector, 0, 0, 440)
  // As grub-bios-setup does for a hard disk: trust the drive number that the firmware gives.
  sector.writeUInt16LE(0x9090, 0x66)
  return Buffer.concat([sector, await readFile(core)])
}

function run(command: string, args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? stderr.trim()}`)
}

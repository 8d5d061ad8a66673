import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LinuxParts } from './linux-parts.ts'
import { run } from './run.ts'

/** Where GRUB finds the kernel: the file system with this label, on whatever disk. */
export const rootLabel = 'novacron'

const kernelOptions = 'console=tty0 console=ttyS0,115200 quiet panic=5'
const menu = (root: string) => `${root}\nlinux /boot/vmlinuz ${kernelOptions}\ninitrd /boot/initrd.gz\nboot\n`

/**
 * GRUB for a BIOS: its boot sector, of which the first 440 bytes are code, and its core. The core lies from sector `coreSector` on: right behind the
 * boot sector, or in a partition of its own.
 */
export async function biosBootCode(
  work: string,
  { grubMkimage, grubDir }: LinuxParts,
  { coreSector, partitions }: { coreSector: number; partitions: 'msdos' | 'gpt' },
): Promise<{ sector: Buffer; core: Buffer }> {
  const partition = partitions === 'msdos' ? 'msdos1' : 'gpt3'
  const [config, output] = [join(work, 'bios.cfg'), join(work, 'core.img')]
  await writeFile(config, menu(`set root=(hd0,${partition})`))
  const modules = ['biosdisk', `part_${partitions}`, 'ext2', 'linux', 'boot']
  run(grubMkimage, [
    '-O',
    'i386-pc',
    '-d',
    grubDir,
    '-c',
    config,
    '-p',
    '/boot/grub',
    '-o',
    output,
    ...modules,
  ])

  const sector = Buffer.alloc(512)
  const image = await readFile(join(grubDir, 'boot.img'))
  image.copy(sector, 0, 0, 440)
  sector.writeBigUInt64LE(BigInt(coreSector), 0x5c)
  // As grub-bios-setup does for a hard disk: trust the drive number that the firmware gives.
  sector.writeUInt16LE(0x9090, 0x66)
  const core = await readFile(output)
  // Its first sector loads the rest: from the next one on.
  core.writeBigUInt64LE(BigInt(coreSector + 1), 500)
  return { sector, core }
}

/** GRUB as a program of UEFI. */
export async function uefiBootCode(work: string, parts: LinuxParts, grubEfiDir: string): Promise<Buffer> {
  const [config, output] = [join(work, 'uefi.cfg'), join(work, 'grub.efi')]
  await writeFile(config, menu(`search --no-floppy --label ${rootLabel} --set=root`))
  const modules = ['part_gpt', 'ext2', 'search', 'search_label', 'linux', 'boot']
  const options = ['-O', 'x86_64-efi', '-d', grubEfiDir, '-c', config, '-p', '/boot/grub', '-o', output]
  run(parts.grubMkimage, [...options, ...modules])
  return readFile(output)
}

import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'

/** Where the parts of the tiny Linux lie. */
export interface LinuxParts {
  kernel: string
  /** Paths of kernel modules. */
  modules: string[]
  /** Statically linked. */
  busybox: string
  grubMkimage: string
  /** GRUB's `i386-pc` folder. */
  grubDir: string
  mke2fs: string
}

/** Debian packages are unpacked here, not installed. */
export const linuxPartsDir: string = resolve(import.meta.dirname, '../../../.novacron/linux')

/**
 * Finds the parts that `node test/clouds/guest/linux-parts.ts` fetches (30 MB, some seconds, no rights; on Debian), or says what is missing.
 * mke2fs is the system's.
 */
export function findLinuxParts(dir: string = linuxPartsDir): LinuxParts | { reason: string } {
  const [kernel] = globSync(join(dir, 'boot/vmlinuz-*'))
  const [busybox] = globSync(join(dir, 'bin/busybox'))
  const [grubMkimage] = globSync(join(dir, 'usr/bin/grub-mkimage'))
  const [mke2fs] = globSync('/{usr/,}sbin/mke2fs')
  if (!kernel || !busybox || !grubMkimage || !mke2fs) {
    const missing = Object.entries({ kernel, busybox, grubMkimage, mke2fs }).filter(
      ([, path]) => path === undefined,
    )
    const names = missing.map(([name]) => name).join(', ')
    return {
      reason: `the tiny Linux needs ${names}; on Debian \`node test/clouds/guest/linux-parts.ts\` fetches it`,
    }
  }
  const modules = globSync(join(dir, `lib/modules/*/kernel/**/{${moduleNames.join(',')}}.ko`))
  return { kernel, modules, busybox, grubMkimage, grubDir: join(dir, 'usr/lib/grub/i386-pc'), mke2fs }
}

/** Disk drivers of QEMU, EC2 (NVMe is built in), Azure and others, with what they need. */
const moduleNames = [
  'virtio virtio_ring virtio_pci virtio_pci_legacy_dev virtio_pci_modern_dev virtio_blk virtio_scsi',
  'scsi_common scsi_mod sd_mod t10-pi crc64 crc64-rocksoft crc64-rocksoft_generic',
  'libata ata_piix ata_generic hv_vmbus scsi_transport_fc hv_storvsc xen-blkfront',
].flatMap((line) => line.split(' '))

/** Downloads the packages with apt-get and unpacks them. Throws with what apt said. */
export function fetchLinuxParts(dir: string = linuxPartsDir): void {
  mkdirSync(dir, { recursive: true })
  const depends = run('apt-cache', ['depends', 'linux-image-cloud-amd64'], dir)
  const kernelPackage = /Depends: (linux-image-\S+)/.exec(depends)?.[1]
  if (kernelPackage === undefined)
    throw new Error('apt knows no linux-image-cloud-amd64; run apt-get update first')
  const debs = mkdtempSync(join(dir, 'debs-'))
  try {
    run('apt-get', ['download', kernelPackage, 'busybox-static', 'grub-common', 'grub-pc-bin'], debs)
    for (const deb of globSync(join(debs, '*.deb'))) run('dpkg-deb', ['-x', basename(deb), dir], debs)
  } finally {
    rmSync(debs, { recursive: true, force: true })
  }
}

function run(command: string, args: string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr.trim()}`)
  return stdout
}

if (import.meta.main) fetchLinuxParts()

import { globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { run } from './run.ts'

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

/** What it needs beside that to boot by UEFI too, and to answer through QEMU's guest agent. */
export interface LinuxExtras {
  /** GRUB's `x86_64-efi` folder. */
  grubEfiDir: string
  agent: string
  /** That the agent is linked with, and what links them. */
  libraries: { name: string; path: string }[]
}

/** Debian packages are unpacked here, not installed. */
export const linuxPartsDir: string = resolve(import.meta.dirname, '../../../.novacron/linux')

/**
 * Finds the parts that `node test/clouds/guest/linux-parts.ts` fetches (40 MB, some seconds, no rights; on Debian), or says what is missing.
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

/** Finds what the same command fetches for UEFI and the guest agent. */
export function findLinuxExtras(dir: string = linuxPartsDir): LinuxExtras | { reason: string } {
  const [grubEfiDir] = globSync(join(dir, 'usr/lib/grub/x86_64-efi'))
  const [agent] = globSync(join(dir, 'usr/sbin/qemu-ga'))
  const libraries = libraryNames.flatMap((name) => {
    const [path] = globSync(join(dir, `{usr/lib,lib}/x86_64-linux-gnu/${name}`))
    return path === undefined ? [] : [{ name, path }]
  })
  if (grubEfiDir && agent && libraries.length === libraryNames.length) return { grubEfiDir, agent, libraries }
  return {
    reason:
      'the tiny Linux needs GRUB for UEFI and a guest agent; on Debian `node test/clouds/guest/linux-parts.ts` fetches them',
  }
}

const libraryNames = [
  'ld-linux-x86-64.so.2 libc.so.6 libm.so.6 libudev.so.1 libnuma.so.1 liburing.so.2',
  'libglib-2.0.so.0 libgmodule-2.0.so.0 libpcre2-8.so.0',
].flatMap((line) => line.split(' '))

/** Disk drivers of QEMU, EC2 (NVMe is built in), Azure and others, with what they need. */
const moduleNames = [
  'virtio virtio_ring virtio_pci virtio_pci_legacy_dev virtio_pci_modern_dev virtio_blk virtio_scsi',
  'scsi_common scsi_mod sd_mod t10-pi crc64 crc64-rocksoft crc64-rocksoft_generic',
  'libata ata_piix ata_generic hv_vmbus scsi_transport_fc hv_storvsc xen-blkfront',
  // The power button, the agent's port, a seed's file system, memory that is added.
  'button evdev virtio_console fat vfat nls_cp437 nls_ascii nls_iso8859-1 virtio_mem',
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
    run('apt-get', ['download', kernelPackage, ...packages], debs)
    for (const deb of globSync(join(debs, '*.deb'))) run('dpkg-deb', ['-x', basename(deb), dir], debs)
  } finally {
    rmSync(debs, { recursive: true, force: true })
  }
}

const packages = [
  'busybox-static grub-common grub-pc-bin grub-efi-amd64-bin',
  'qemu-guest-agent libc6 libglib2.0-0 libudev1 libnuma1 liburing2 libpcre2-8-0',
].flatMap((line) => line.split(' '))

if (import.meta.main) fetchLinuxParts()

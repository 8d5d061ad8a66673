import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** libvirt's programs that were found on this machine. */
export interface LibvirtPrograms {
  libvirtd: string
  virtlogd: string
  virsh: string
}

/** Finds libvirt, or says why its tests are skipped and what to do. */
export function findLibvirt(): LibvirtPrograms | { reason: string } {
  const [libvirtd, virtlogd, virsh] = ['libvirtd', 'virtlogd', 'virsh'].map(findProgram)
  if (process.platform === 'linux' && libvirtd && virtlogd && virsh && findProgram('qemu-system-x86_64'))
    return { libvirtd, virtlogd, virsh }
  return {
    reason:
      'libvirtd, virtlogd, virsh and qemu-system-x86_64 are not all on PATH; `npm run setup -- --system` installs them',
  }
}

/** Daemons lie where an ordinary user's PATH does not look. */
export const findProgram = (name: string): string | undefined =>
  [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
    .map((folder) => join(folder || '.', name))
    .find(canRun)

function canRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

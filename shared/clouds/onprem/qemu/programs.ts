import { HostError } from '#shared/clouds/onprem/gate.ts'
import { probeAcceleration, type Acceleration } from '#shared/clouds/onprem/qemu/acceleration.ts'
import type { RunAs } from '#shared/clouds/onprem/qemu/layout.ts'
import { findProgram, runProgram } from '#shared/clouds/onprem/qemu/process.ts'

/** The QEMU of this machine, and how it runs guests. */
export interface Programs {
  /** Path of qemu-system-x86_64. */
  qemu: string
  /** E.g. `7.2.22`. */
  version: string
  acceleration: Acceleration
  /** The newest q35 that it has, e.g. `pc-q35-7.2`: a machine keeps the one that it was defined with. */
  machineType: string
}

/**
 * Looks once a process: programs do not come and go. A failure is not kept, so that an installation helps at once. Takes about 0.3 s.
 * @throws HostError `hypervisor_missing`, `unsupported` if it is too old or has no sandbox.
 */
export function findPrograms(runAs: RunAs | undefined): Promise<Programs> {
  const key = `${process.env['PATH'] ?? ''} ${runAs?.uid ?? ''}:${runAs?.gid ?? ''}`
  const known = found.get(key)
  if (known) return known
  const looking = look(runAs)
  found.set(key, looking)
  looking.catch(() => found.delete(key))
  return looking
}

const found = new Map<string, Promise<Programs>>()

async function look(runAs: RunAs | undefined): Promise<Programs> {
  if (process.platform !== 'linux')
    throw new HostError('unsupported', `the qemu driver needs Linux; this worker runs on ${process.platform}`)
  const qemu = await findProgram('qemu-system-x86_64')
  const { stdout } = await runProgram(qemu, ['--version'])
  const [, version = '0', major = '0', minor = '0'] = /version ((\d+)\.(\d+)[.\d]*)/.exec(stdout) ?? []
  if (Number(major) * 100 + Number(minor) < 700)
    throw new HostError('unsupported', `QEMU ${version} is too old; 7.0 is the oldest that works`)
  const acceleration = await probeAcceleration(qemu, runAs)
  if (!acceleration.sandboxed)
    throw new HostError('unsupported', `${qemu} was built without seccomp, so guests would not be confined`)
  return { qemu, version, acceleration, machineType: `pc-q35-${major}.${minor}` }
}

import { bareMachine, probeAcceleration, type Accelerator } from '#shared/clouds/onprem/qemu/acceleration.ts'
import { findProgram, guestUser } from '#shared/clouds/onprem/qemu/process.ts'

/** A QEMU that was seen to run a guest. */
export interface Hypervisor {
  /** Path of qemu-system-x86_64. */
  qemu: string
  accel: Accelerator
  /** Arguments for every machine: accelerator, sandbox, no devices but those asked for. */
  arguments: string[]
  /** Who it runs as, for `spawn`: nobody, when this process is root. */
  identity: { uid?: number; gid?: number }
}

/** Why there is none, and what to do. */
export interface NoHypervisor {
  reason: string
}

/** Finds QEMU on `path` and how it runs guests here; see probeAcceleration. The answer is kept for this process. */
export function findHypervisor(path: string = process.env['PATH'] ?? ''): Promise<Hypervisor | NoHypervisor> {
  const known = found.get(path)
  if (known) return known
  const answer = probe(path)
  found.set(path, answer)
  return answer
}

const found = new Map<string, Promise<Hypervisor | NoHypervisor>>()

async function probe(path: string): Promise<Hypervisor | NoHypervisor> {
  try {
    const qemu = await findProgram('qemu-system-x86_64', path)
    const { kind, arguments: how, runAs } = await probeAcceleration(qemu, guestUser(undefined))
    return { qemu, accel: kind, arguments: [...how, ...bareMachine], identity: runAs ?? {} }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { reason: `${why}, so nothing boots; \`npm run setup -- --system\` installs what does` }
  }
}

import { readlink } from 'node:fs/promises'
import { isSame, processOf, type ProcessId } from '#shared/clouds/onprem/qemu/process.ts'
import { readIfThere } from '#shared/services/process.ts'

/** A process, so that others on its machine can tell whether it still lives. */
export interface Holder extends ProcessId {
  /** The machine since it was started, and the name space in which `pid` counts. */
  machine: string
}

/** This process; undefined where the kernel does not tell (other systems than Linux). */
export async function thisProcess(): Promise<Holder | undefined> {
  const [machine, own] = await Promise.all([thisMachine(), processOf(process.pid)])
  return machine === undefined || own === undefined ? undefined : { ...own, machine }
}

/** Is it certain that the process has ended? Of one on another machine it never is. */
export const hasEnded = async (holder: Holder): Promise<boolean> =>
  holder.machine === (await thisMachine()) && !(await isSame(holder))

async function thisMachine(): Promise<string | undefined> {
  const boot = readIfThere('/proc/sys/kernel/random/boot_id')?.trim()
  return boot && `${boot} ${await readlink('/proc/self/ns/pid')}`
}

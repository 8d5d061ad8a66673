import type { LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import type { Virsh, VirshAnswer, VirshWord } from '#shared/clouds/onprem/libvirt/virsh.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/** What the volumes of a libvirt host are made with. */
export type VolumesHost = LibvirtHost

export interface Asking {
  mutating: boolean
  /** What it speaks of. */
  resource?: string
  /** Longest silence, milliseconds; default the host's. */
  timeoutMs?: number
  /** Default the shared connection. */
  virsh?: Virsh
}

/** Runs one virsh command through the host's gate. @throws CloudError */
export const ask = (
  host: VolumesHost,
  words: readonly VirshWord[],
  { virsh = host.virsh, ...call }: Asking,
): Promise<VirshAnswer> =>
  host.gate({ operation: `virsh ${operationOf(words)}`, ...call }, (signal) => virsh.run(words, signal))

/** As virsh's reference names it. */
const operationOf = ([command]: readonly VirshWord[]): string => {
  if (typeof command === 'string') return command
  throw new TypeError('a virsh command begins with its name')
}

/** One of our names; nothing that could be an option or lead out of its folder. @throws CloudError `invalid_request` */
export function checkedName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(name)) return name
  throw refusal('volumes', `${JSON.stringify(name)} cannot be the name of a volume or storage pool here.`, {
    code: 'invalid_request',
    remedy: 'Names have letters, digits, dots and dashes, and begin with a letter or digit.',
  })
}

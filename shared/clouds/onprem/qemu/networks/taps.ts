import { createHash } from 'node:crypto'
import { access } from 'node:fs/promises'
import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { findProgram, runProgram } from '#shared/clouds/onprem/qemu/process.ts'

/** Name of the interface that joins a machine's nic to a bridge: 14 of the 15 characters that Linux allows. */
export const tapName = (id: string, index: number): string =>
  `nc${createHash('sha256').update(`${id}/${index}`).digest('hex').slice(0, 12)}`

/** Makes the taps of a machine's bridged nics and joins them; those that are there stay. Their user is the guests', so that QEMU needs no root. */
export async function makeTaps(host: QemuHost, spec: MachineSpec): Promise<void> {
  for (const [index, nic] of spec.nics.entries()) {
    if (nic.kind !== 'bridge' || nic.source === undefined) continue
    const tap = tapName(spec.id, index)
    if (!(await isInterface(tap)))
      await ip(host, spec.id, [
        'tuntap',
        'add',
        'dev',
        tap,
        'mode',
        'tap',
        'user',
        String(host.runAs?.uid ?? 0),
      ])
    await ip(host, spec.id, ['link', 'set', 'dev', tap, 'master', nic.source, 'up'])
  }
}

/** Gone already is fine. */
export async function removeTaps(host: QemuHost, spec: MachineSpec): Promise<void> {
  for (const [index, nic] of spec.nics.entries()) {
    if (nic.kind !== 'bridge') continue
    const tap = tapName(spec.id, index)
    if (await isInterface(tap)) await ip(host, spec.id, ['link', 'delete', 'dev', tap])
  }
}

const ip = (host: QemuHost, resource: string, args: string[]): Promise<unknown> =>
  host.gate({ operation: `ip ${args[0]} ${args[1]}`, mutating: true, resource }, async (signal) =>
    runProgram(await findProgram('ip', '/usr/sbin:/sbin:/usr/bin:/bin'), args, { signal }),
  )

const isInterface = (name: string): Promise<boolean> =>
  access(`/sys/class/net/${name}`).then(
    () => true,
    () => false,
  )

import type { HostFacts, MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { Found, Host } from '#shared/clouds/onprem/hosts.ts'
import { capacityOf } from '#shared/clouds/onprem/placement/view.ts'

type Size = Pick<MachineSpec, 'vcpus' | 'memoryMib' | 'architecture'>
type SizeWithRoom = Pick<MachineSpec, 'vcpus' | 'memoryMib' | 'maxVcpus' | 'maxMemoryMib'>

/**
 * A size with the room that a machine of this size is started with, so that it can grow while it runs: the host's `headroom` times as much, at most
 * what the host can give away. Room is no claim: nobody pays for it, and others may use it until the machine does.
 */
export async function withRoom(host: Host, { vcpus, memoryMib, architecture }: Size): Promise<SizeWithRoom> {
  const [capacity, { growing }] = await Promise.all([capacityOf(host), host.facts()])
  const { headroom } = host.settings
  const most = (now: number, times: number, limit: number) =>
    Math.max(now, Math.min(Math.floor(now * times), limit))
  const can = growsOn(architecture, growing)
  return {
    vcpus,
    memoryMib,
    maxVcpus: can.vcpus ? most(vcpus, headroom.vcpus, Math.min(capacity.vcpus, mostVcpus)) : vcpus,
    maxMemoryMib: can.memory ? most(memoryMib, headroom.memory, capacity.memoryMib) : memoryMib,
  }
}

/** Gives a machine that is off the room that it is to be started with by now: settings may have changed, and it may have grown into what it had. */
export async function renewRoom({ id, host }: Pick<Found<'vm'>, 'id' | 'host'>): Promise<void> {
  const spec = await host.machines.spec(id)
  if (spec === undefined) return
  const renewed = await withRoom(host, spec)
  if (renewed.maxVcpus === spec.maxVcpus && renewed.maxMemoryMib === spec.maxMemoryMib) return
  await host.machines.define({ ...spec, ...renewed })
}

/** QEMU's board for ARM takes no processors while it runs. */
const growsOn = (architecture: MachineSpec['architecture'], growing: HostFacts['growing']) =>
  architecture === 'x86_64' ? growing : { vcpus: false, memory: false }

/** Of the board q35 without an interrupt remapper. */
const mostVcpus = 255

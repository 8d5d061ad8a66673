import type { CloudVm, VmState } from '#shared/clouds/port.ts'
import type { MachineState } from '#shared/clouds/onprem/host.ts'
import type { Found, Host } from '#shared/clouds/onprem/hosts.ts'
import type { VmRecord, VolumeRecord } from '#shared/clouds/onprem/records.ts'

export interface Surroundings {
  /** What the machine does; undefined if the host has no such machine (yet, or any more). */
  state: MachineState | undefined
  /** By id. */
  volumes: ReadonlyMap<string, VolumeRecord>
  publicIp: string | undefined
}

/** A VM as the port tells of it. */
export function toVm({ id, body, host }: Found<'vm'>, { state, volumes, publicIp }: Surroundings): CloudVm {
  return {
    region: host.region,
    id,
    name: body.name,
    state: stateOf(body, state),
    zone: host.name,
    instanceType: body.instanceType,
    architecture: body.architecture,
    firmware: body.firmware,
    ...(publicIp === undefined ? {} : { publicIp }),
    ...(body.address === undefined ? {} : { privateIp: body.address }),
    ...(body.imageId === undefined ? {} : { imageId: body.imageId }),
    ...(body.keyPair === undefined ? {} : { keyPair: body.keyPair }),
    securityGroups: body.securityGroups,
    ...(body.subnet === undefined ? {} : { subnet: body.subnet }),
    tenancy: body.tenancy ?? 'shared',
    ...(body.detailedMonitoring === undefined ? {} : { detailedMonitoring: body.detailedMonitoring }),
    tags: { ...body.tags },
    disks: body.disks.map(({ volume, device }, index) => ({
      id: volume,
      sizeBytes: volumes.get(volume)?.sizeBytes ?? 0,
      boot: index === 0,
      device,
    })),
    createdAt: new Date(body.createdAt),
  }
}

/** One machine's part of the above, asked for alone. */
export async function stateOn(host: Host, id: string): Promise<MachineState | undefined> {
  return (await host.machines.status(id))?.state
}

function stateOf({ phase, moving }: VmRecord, state: MachineState | undefined): VmState {
  if (phase === 'deleting') return 'terminating'
  if (phase === 'creating') return 'pending'
  if (state === undefined) return moving === undefined ? 'error' : 'pending'
  return states[state]
}

/** `paused`: it is about to run, or to be saved; or its pool is full. `crashed`: it does not run, and can be started. */
const states: Record<MachineState, VmState> = {
  running: 'running',
  paused: 'pending',
  stopped: 'stopped',
  saved: 'suspended',
  crashed: 'stopped',
}

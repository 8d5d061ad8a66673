import { isIPv4 } from 'node:net'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { MachineNic, MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { readJson, removeDurably, writeDurably } from '#shared/clouds/onprem/qemu/files.ts'
import { findUefi } from '#shared/clouds/onprem/qemu/firmware.ts'
import { presentBridges } from '#shared/clouds/onprem/qemu/networks/bridges.ts'

/** What is written down of a machine. */
export interface Definition {
  spec: MachineSpec
  /** QEMU's versioned name of the board, which stays when QEMU is upgraded: a guest sees the same hardware. */
  machineType: string
  /** The host that it has moved to: it is never started here again. */
  leftFor?: string
}

/** How its process was started: memory that is added later, and a saved guest that goes on, build on it. */
export interface Launch {
  machineType: string
  acceleration: string
  vcpus: number
  maxVcpus: number
  /** What it began with; what was added since is in `spec.memoryMib`. */
  memoryMib: number
  maxMemoryMib: number
}

export const readDefinition = (host: QemuHost, id: string): Promise<Definition | undefined> =>
  host.gate({ operation: 'record get', mutating: false, resource: id }, () => peekDefinition(host, id))

/** The same, not through the gate. */
export const peekDefinition = async (
  { layout }: Pick<QemuHost, 'layout'>,
  id: string,
): Promise<Definition | undefined> =>
  (await readJson(layout.machine(id).definition)) as Definition | undefined

/** @throws HostError `not_found`. */
export async function definitionOf(host: QemuHost, id: string): Promise<Definition> {
  const found = await readDefinition(host, id)
  if (found) return found
  throw new HostError('not_found', `there is no machine ${id}`)
}

export const writeDefinition = (host: QemuHost, definition: Definition): Promise<void> =>
  host.gate(
    {
      operation: 'record put',
      mutating: true,
      resource: definition.spec.id,
      payload: Buffer.from(JSON.stringify(definition)),
    },
    () => writeDurably(host.layout.machine(definition.spec.id).definition, JSON.stringify(definition)),
  )

export const readLaunch = async (host: QemuHost, id: string): Promise<Launch | undefined> =>
  (await host.gate({ operation: 'record get', mutating: false, resource: id }, () =>
    readJson(host.layout.machine(id).launch),
  )) as Launch | undefined

/** Of a machine that was started. @throws HostError `not_found`. */
export async function launchOf(host: QemuHost, id: string): Promise<Launch> {
  const launch = await readLaunch(host, id)
  if (launch) return launch
  throw new HostError('not_found', `how machine ${id} was started is not written down`)
}

export const writeLaunch = (host: QemuHost, id: string, launch: Launch): Promise<void> =>
  host.gate({ operation: 'record put', mutating: true, resource: id }, () =>
    writeDurably(host.layout.machine(id).launch, JSON.stringify(launch)),
  )

export const removeLaunch = (host: QemuHost, id: string): Promise<void> =>
  host.gate({ operation: 'record remove', mutating: true, resource: id }, () =>
    removeDurably(host.layout.machine(id).launch),
  )

/**
 * Refuses what this host cannot run, before anything is written.
 * @throws HostError `invalid_request` naming the field, or `unsupported`.
 */
export async function assertRunnable(host: QemuHost, spec: MachineSpec): Promise<void> {
  if (spec.architecture !== 'x86_64')
    throw new HostError('unsupported', `architecture: this host runs x86_64, not ${spec.architecture}`)
  if (spec.firmware === 'uefi' && (await findUefi()) === undefined)
    throw new HostError('unsupported', 'firmware: no OVMF is installed here (Debian: apt-get install ovmf)')
  const sizes = [
    ['vcpus', spec.vcpus, spec.maxVcpus],
    ['memoryMib', spec.memoryMib, spec.maxMemoryMib],
  ] as const
  for (const [field, now, most] of sizes)
    if (!Number.isInteger(now) || now < 1 || most < now)
      throw new HostError('invalid_request', `${field}: ${now} (at most ${most}) is no size`)
  for (const { device } of spec.disks) portOf(device)
  if (spec.nics.length > 8)
    throw new HostError('invalid_request', `nics: a machine has at most 8, not ${spec.nics.length}`)
  for (const [index, nic] of spec.nics.entries()) await assertJoinable(host, nic, index)
}

/** Number of the slot that a device has: `vda` is 0. @throws HostError `invalid_request`. */
export function portOf(device: string): number {
  const index = /^vd[a-z]$/.test(device) ? device.charCodeAt(2) - 'a'.charCodeAt(0) : diskPorts
  if (index < diskPorts) return index
  throw new HostError('invalid_request', `device: ${JSON.stringify(device)} is none of vda to vdp`)
}

/** Slots for disks that may come and go while a machine runs. Each costs the firmware about 2 ms under emulation. */
export const diskPorts = 16

async function assertJoinable(host: QemuHost, nic: MachineNic, index: number): Promise<void> {
  const field = `nics.${index}`
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(nic.mac))
    throw new HostError('invalid_request', `${field}.mac: ${JSON.stringify(nic.mac)} is no MAC address`)
  if (nic.kind === 'nat')
    throw new HostError(
      'unsupported',
      `${field}: the qemu driver has no NAT networks; the libvirt driver does`,
    )
  if (nic.kind === 'bridge' && !(await presentBridges(host)).includes(nic.source ?? ''))
    throw new HostError(
      'unsupported',
      `${field}.source: ${JSON.stringify(nic.source)} is no bridge that this host may use; name it in the host's bridges, and run the worker as root`,
    )
  if (nic.cidr !== undefined && !/^[\d.]{7,15}\/\d{1,2}$/.test(nic.cidr))
    throw new HostError('invalid_request', `${field}.cidr: ${JSON.stringify(nic.cidr)} is no IPv4 range`)
  if (nic.address !== undefined && !isIPv4(nic.address))
    throw new HostError(
      'invalid_request',
      `${field}.address: ${JSON.stringify(nic.address)} is no IPv4 address`,
    )
}

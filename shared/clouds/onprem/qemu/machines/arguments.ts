import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { MachineNic, MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { UefiFirmware } from '#shared/clouds/onprem/qemu/firmware.ts'
import type { MachinePaths } from '#shared/clouds/onprem/qemu/layout.ts'
import { diskPorts, type Launch } from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { tapName } from '#shared/clouds/onprem/qemu/networks/taps.ts'
import type { Programs } from '#shared/clouds/onprem/qemu/programs.ts'

/**
 * Command line of a machine without its disks: they come by QMP, the same way at the start as later, so that passphrases are on no command
 * line. It stands still (`-S`) until it has them. Nothing here is a user's text: names are made of ids, numbers and checked addresses.
 */
export function machineArguments(
  spec: MachineSpec,
  {
    launch,
    paths,
    programs,
    uefi,
    incoming,
  }: {
    launch: Launch
    paths: MachinePaths
    programs: Programs
    uefi: UefiFirmware | undefined
    /** Its memory will come from elsewhere. */
    incoming: boolean
  },
): string[] {
  return [
    '-nodefaults',
    '-no-user-config',
    ['-display', 'none'],
    ['-name', spec.id],
    ['-uuid', spec.id],
    ...programs.acceleration.arguments,
    ['-machine', [launch.machineType, ...(uefi ? ['pflash0=code', 'pflash1=variables'] : [])].join(',')],
    ['-cpu', launch.acceleration === 'kvm' ? 'host' : emulatedCpu],
    ['-smp', `cpus=${launch.vcpus},maxcpus=${launch.maxVcpus}`],
    ...memory(launch, spec.memoryMib),
    '-S',
    ...(incoming ? ['-incoming', 'defer'] : []),
    ['-pidfile', paths.pid],
    ...paths.monitors.map((path, index) => [
      '-chardev',
      socketAt(`monitor${index}`, path),
      '-mon',
      `chardev=monitor${index},mode=control`,
    ]),
    // Appending, so that it may be cut short while it is written to.
    ['-chardev', `file,id=console,path=${escaped(paths.console)},append=on`, '-serial', 'chardev:console'],
    ['-rtc', 'base=utc'],
    ['-device', 'virtio-serial-pci,id=serial-bus', '-chardev', socketAt('agent', paths.agent)],
    ['-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0'],
    ['-object', 'rng-builtin,id=entropy', '-device', 'virtio-rng-pci,rng=entropy'],
    ...(uefi ? firmwareNodes(uefi, paths) : []),
    ...spec.nics.flatMap((nic, index) => network(spec.id, nic, index)),
    ...Array.from({ length: diskPorts + 1 }, (_, index) => ['-device', rootPort(index)]).flat(),
  ].flat()
}

/** Where the device of a disk is plugged in; the last is the seed's. */
export const portName = (index: number): string => `port${index}`

/** Of emulated ones: has what today's distributions ask for (x86-64-v2), and no more that would have to be emulated. */
const emulatedCpu = 'Nehalem'

/** What can be added later comes from a virtio-mem device: the guest says how much it has taken. */
function memory({ memoryMib, maxMemoryMib }: Launch, wantedMib: number): string[] {
  const extraMib = growthMib({ memoryMib, maxMemoryMib })
  if (extraMib === 0) return ['-m', `size=${memoryMib}M`]
  return [
    ['-m', `size=${memoryMib}M,slots=1,maxmem=${memoryMib + extraMib}M`],
    ['-object', `memory-backend-ram,id=growth-memory,size=${extraMib}M,reserve=off`],
    ['-device', `virtio-mem-pci,id=growth,memdev=growth-memory,requested-size=${wantedMib - memoryMib}M`],
  ].flat()
}

/** How much memory can be added: whole blocks of virtio-mem's. */
export const growthMib = ({ memoryMib, maxMemoryMib }: Pick<Launch, 'memoryMib' | 'maxMemoryMib'>): number =>
  Math.floor((maxMemoryMib - memoryMib) / memoryBlockMib) * memoryBlockMib

/** The default of virtio-mem on x86 (the size of a huge page). */
export const memoryBlockMib = 2

const firmwareNodes = ({ code }: UefiFirmware, { firmwareVariables }: MachinePaths): string[] =>
  [
    {
      driver: 'raw',
      'node-name': 'code',
      'read-only': true,
      file: { driver: 'file', filename: code, 'read-only': true },
    },
    { driver: 'raw', 'node-name': 'variables', file: { driver: 'file', filename: firmwareVariables } },
  ].flatMap((node) => ['-blockdev', JSON.stringify(node)])

/** Eight to a slot: each on its own would use up the slots of the board. Disks need no I/O ports. */
const rootPort = (index: number): string =>
  [
    `pcie-root-port,id=${portName(index)},chassis=${index + 1},io-reserve=0`,
    `bus=pcie.0,multifunction=on,addr=${(0x10 + (index >> 3)).toString(16)}.${index & 7}`,
  ].join(',')

function network(id: string, nic: MachineNic, index: number): string[] {
  const device = `virtio-net-pci,netdev=net${index},mac=${nic.mac},id=nic${index},romfile=,addr=${(8 + index).toString(16)}`
  return ['-netdev', backend(id, nic, index), '-device', device]
}

function backend(id: string, nic: MachineNic, index: number): string {
  if (nic.kind === 'bridge') return `tap,id=net${index},ifname=${tapName(id, index)},script=no,downscript=no`
  if (nic.kind !== 'user') throw new HostError('unsupported', `nics.${index}: no ${nic.kind} networks here`)
  const range = nic.cidr === undefined ? [] : [`net=${nic.cidr}`]
  const address = nic.address === undefined ? [] : [`dhcpstart=${nic.address}`]
  return ['user', `id=net${index}`, 'ipv6=off', ...range, ...address].join(',')
}

const socketAt = (id: string, path: string): string =>
  `socket,id=${id},path=${escaped(path)},server=on,wait=off`

/** In QEMU's option lists a comma ends a value unless it is doubled. */
const escaped = (path: string): string => path.replaceAll(',', ',,')

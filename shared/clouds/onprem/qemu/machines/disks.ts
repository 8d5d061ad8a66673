import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { MachineDisk, MachineSpec, VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { portName } from '#shared/clouds/onprem/qemu/machines/arguments.ts'
import { diskPorts, portOf, type Launch } from '#shared/clouds/onprem/qemu/machines/definition.ts'
import type { Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import { blockNodes } from '#shared/clouds/onprem/qemu/volumes/graph.ts'
import { pause } from '#shared/clouds/scope.ts'

/**
 * Gives a machine all the disks of its spec that it does not have. The firmware boots them in this order. One that the guest was asked for and
 * kept goes at the machine's next reset, so this is also what brings it back.
 */
export async function plugAll(
  host: QemuHost,
  monitor: Monitor,
  spec: MachineSpec,
  launch: Launch,
): Promise<void> {
  const queues = queuesOf(launch)
  for (const [index, disk] of spec.disks.entries())
    await plug(host, monitor, {
      volume: disk.volume,
      node: disk.device,
      port: portOf(disk.device),
      readOnly: disk.readOnly ?? false,
      queues,
      bootIndex: index + 1,
    })
  if (spec.seed)
    await plug(host, monitor, { volume: spec.seed, node: 'seed', port: diskPorts, readOnly: true, queues })
}

/** Gives a running machine a disk. Has it already is fine. */
export const plugDisk = (
  host: QemuHost,
  monitor: Monitor,
  disk: MachineDisk,
  launch: Launch,
): Promise<void> =>
  plug(host, monitor, {
    volume: disk.volume,
    node: disk.device,
    port: portOf(disk.device),
    readOnly: disk.readOnly ?? false,
    queues: queuesOf(launch),
  })

/**
 * Takes a disk from a running machine. The guest must let go of it, and is asked again each second.
 * @throws HostError `guest_silent` if it has not after `patienceMs`; the disk then stays.
 */
export async function unplugDisk(monitor: Monitor, device: string, patienceMs: number): Promise<void> {
  portOf(device)
  const untilMs = performance.now() + patienceMs
  for (let askedMs = -Infinity; await hasDevice(monitor, device); await pause(20)) {
    const nowMs = performance.now()
    if (nowMs > untilMs)
      throw new HostError('guest_silent', `the guest has not let go of ${device} within ${patienceMs} ms`)
    if (nowMs - askedMs < 1000) continue
    await askToLetGo(monitor, device)
    askedMs = nowMs
  }
  await removeNode(monitor, device, untilMs)
  if (await hasObject(monitor, `${device}-key`)) await monitor.execute('object-del', { id: `${device}-key` })
}

/** A device that is gone from sight still holds its node until QEMU has cleaned up behind it: some milliseconds, seconds under load. */
async function removeNode(monitor: Monitor, node: string, untilMs: number): Promise<void> {
  for (; await hasNode(monitor, node); await pause(20))
    await monitor.execute('blockdev-del', { 'node-name': node }).catch((error: unknown) => {
      const stillHeld = error instanceof Error && error.message.includes('is in use')
      if (!stillHeld || performance.now() > untilMs) throw error
    })
}

interface Plug {
  volume: VolumeRef
  /** Name of block node and device alike. */
  node: string
  port: number
  readOnly: boolean
  queues: number
  bootIndex?: number
}

/**
 * Said, because QEMU's default is the number of CPUs at that moment: a guest that was given more would not fit what is started to go on with
 * its memory.
 */
const queuesOf = ({ maxVcpus }: Launch): number => Math.min(maxVcpus, 8)

/** Each of its three parts may be there from an earlier time that was cut short. */
async function plug(host: QemuHost, monitor: Monitor, wish: Plug): Promise<void> {
  if (await hasDevice(monitor, wish.node)) return
  if (!(await hasNode(monitor, wish.node))) await addNodes(host, monitor, wish)
  await monitor.execute('device_add', {
    driver: 'virtio-blk-pci',
    id: wish.node,
    drive: wish.node,
    bus: portName(wish.port),
    'num-queues': wish.queues,
    // The guest finds it as /dev/disk/by-id/virtio-<serial>, which has room for 20 characters.
    serial: wish.volume.name.slice(0, 20),
    ...(wish.bootIndex === undefined ? {} : { bootindex: wish.bootIndex }),
  })
}

async function addNodes(host: QemuHost, monitor: Monitor, { volume, node, readOnly }: Plug): Promise<void> {
  const { nodes, secrets } = await blockNodes(host, volume, { node, readOnly })
  for (const { id, keyName } of secrets)
    if (!(await hasObject(monitor, id)))
      await monitor.execute('object-add', {
        'qom-type': 'secret',
        id,
        // LUKS takes text alone: the passphrase is the base64 text itself.
        data: host.context.passphrase(keyName),
      })
  for (const definition of nodes) await monitor.execute('blockdev-add', definition)
}

/** The machine may not have a moment for it (`DeviceNotFound`: gone meanwhile; `GenericError`: asked already). */
async function askToLetGo(monitor: Monitor, device: string): Promise<void> {
  await monitor.execute('device_del', { id: device }).catch((error: unknown) => {
    const code = (error as { vendorCode?: string }).vendorCode
    if (code !== 'DeviceNotFound' && code !== 'GenericError') throw error
  })
}

const hasDevice = (monitor: Monitor, id: string) => isListed(monitor, '/machine/peripheral', id)
const hasObject = (monitor: Monitor, id: string) => isListed(monitor, '/objects', id)

async function isListed(monitor: Monitor, path: string, name: string): Promise<boolean> {
  const entries = await monitor.execute<{ name: string }[]>('qom-list', { path })
  return entries.some((entry) => entry.name === name)
}

async function hasNode(monitor: Monitor, name: string): Promise<boolean> {
  const nodes = await monitor.execute<{ 'node-name': string }[]>('query-named-block-nodes', { flat: true })
  return nodes.some((node) => node['node-name'] === name)
}

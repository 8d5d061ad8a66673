import type { MachineDisk, MachineSpec } from '#shared/clouds/onprem/host.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'
import { unless } from '#shared/clouds/onprem/libvirt/volumes/pools.ts'
import { child, childrenOf, toXml, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { pause } from '#shared/clouds/scope.ts'
import type { Parts } from './base.ts'
import { diskElement, write } from './define.ts'
import { domainOf, requireSpec, stateOf } from './look.ts'

/** While it runs or is stopped. Attached already is fine. */
export async function attachDisk(parts: Parts, id: string, disk: MachineDisk): Promise<void> {
  const { host, volumes } = parts
  const spec = await requireSpec(host, id)
  const there = spec.disks.find(({ device }) => device === disk.device)
  if (there && !isSame(there, disk))
    throw refusal('machines', `device: machine ${id} has another disk at ${disk.device}.`, {
      code: 'conflict',
      remedy: 'Detach that first, or choose another device.',
    })
  const state = await stateOf(host, id)
  assertNotSaved(id, state)
  if (!there) await write(parts, { ...spec, disks: [...spec.disks, disk] }, await domainOf(host, id))
  if (state !== 'running' && state !== 'paused') return
  if (await liveDisk(parts, id, disk.device)) return
  await volumes.release(disk.volume)
  await ask(host, ['attach-device', id, { content: toXml(await diskElement(parts, disk)) }, '--live'], {
    mutating: true,
    resource: id,
  })
}

/** While it runs or is stopped. Gone already is fine. @throws CloudError `conflict` if the running guest does not let go of it. */
export async function detachDisk(parts: Parts, id: string, device: string): Promise<void> {
  const { host } = parts
  const spec = await requireSpec(host, id)
  const state = await stateOf(host, id)
  assertNotSaved(id, state)
  if (state === 'running' || state === 'paused') await unplug(parts, id, device)
  const left: MachineSpec = { ...spec, disks: spec.disks.filter((disk) => disk.device !== device) }
  if (left.disks.length < spec.disks.length) await write(parts, left, await domainOf(host, id))
}

/** The guest lets go of a disk, which takes a guest that runs an operating system. */
async function unplug(parts: Parts, id: string, device: string): Promise<void> {
  const { host } = parts
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    const disk = await liveDisk(parts, id, device)
    if (!disk) return
    if (waitedMs >= unplugLimitMs)
      throw refusal('machines', `The guest of machine ${id} does not let go of disk ${device}.`, {
        code: 'conflict',
        vendorCode: 'guest_silent',
        remedy: 'Unmount it in the guest, or stop the VM; then do it again.',
      })
    // libvirt waits 5 s by itself, then says that the request was sent.
    if (waitedMs === 0)
      await ask(host, ['detach-device', id, { content: toXml(disk) }, '--live'], {
        mutating: true,
        resource: id,
      }).catch(unless('VIR_ERR_DEVICE_MISSING', 'VIR_ERR_OPERATION_FAILED'))
    await pause(pollMs)
  }
}

async function liveDisk({ host }: Parts, id: string, device: string): Promise<XmlElement | undefined> {
  const disks = childrenOf(child(await domainOf(host, id, 'now'), 'devices'), 'disk')
  return disks.find((disk) => child(disk, 'target')?.attributes['dev'] === device)
}

const isSame = (one: MachineDisk, other: MachineDisk): boolean =>
  one.volume.pool === other.volume.pool && one.volume.name === other.volume.name

/** What goes on where it was must find the devices that it had. */
function assertNotSaved(id: string, state: string | undefined): void {
  if (state !== 'saved') return
  throw refusal('machines', `Machine ${id} is suspended, so its disks cannot change.`, {
    code: 'conflict',
    remedy: 'Resume the VM or stop it, then do it again.',
  })
}

const pollMs = 200
const unplugLimitMs = 3_000

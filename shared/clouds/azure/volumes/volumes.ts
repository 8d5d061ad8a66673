import type { Disk } from '@azure/arm-compute'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { vmType } from '#shared/clouds/azure/compute/vms.ts'
import { diskTarget, diskType, ownPlace, stays, zoneNumber } from '#shared/clouds/azure/disks/targets.ts'
import { encryptionOf } from '#shared/clouds/azure/encryption.ts'
import { withGroup } from '#shared/clouds/azure/group.ts'
import { armId, canonicalId, nameFor, parseArmId } from '#shared/clouds/azure/names.ts'
import { keptTag, withName } from '#shared/clouds/azure/tags.ts'
import { attachVolume, detachVolume } from '#shared/clouds/azure/volumes/attach.ts'
import { skuOf, toVolume } from '#shared/clouds/azure/volumes/mapping.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { DisksFacet, VolumesFacet } from '#shared/clouds/port.ts'

/** Volumes are managed disks: those that NovaCron's VMs boot from are among them. */
export function createVolumes(
  client: AzureClient,
  { deleteDisk }: Pick<DisksFacet, 'deleteDisk'>,
): VolumesFacet {
  const { disks, virtualMachines } = client.compute
  const find = (id: string): Promise<Disk | undefined> => {
    const { group, name } = diskTarget(client, { id })
    return client.find('Disks_Get', () => disks.get(group, name))
  }

  return {
    async *list({ region }) {
      const devices = new Map<string, string>()
      for await (const vm of client.pages('VirtualMachines_ListAll', () => virtualMachines.listAll())) {
        for (const [id, device] of devicesOf(vm.storageProfile)) devices.set(id, device)
      }
      for await (const disk of client.pages('Disks_List', () => disks.list())) {
        if (disk.location === region) yield toVolume(disk, devices.get(disk.id?.toLowerCase() ?? ''))
      }
    },

    async get(ref) {
      const found = await find(ref.id)
      if (!found) return undefined
      return toVolume(found, found.managedBy ? await deviceOn(client, found) : undefined)
    },

    async create({ token, tags, region, zone, name: wantedName, sizeGib, type, snapshot, encryption }) {
      const target = { ...ownPlace(client, diskType), name: nameFor(token) }
      const { group, name } = target
      const keys = encryptionOf(client, encryption)
      if (!stays(await find(name))) {
        await withGroup(client, region, () =>
          client.submit('Disks_CreateOrUpdate', () =>
            disks.createOrUpdate(group, name, {
              location: region,
              ...(zone === undefined ? {} : { zones: [zoneNumber(zone)] }),
              tags: { ...withName(tags, wantedName), [keptTag]: 'true' },
              sku: { name: skuOf(type) },
              diskSizeGB: sizeGib,
              creationData:
                snapshot === undefined
                  ? { createOption: 'Empty' }
                  : { createOption: 'Copy', sourceResourceId: snapshot.id },
              ...keys,
            }),
          ),
        )
      }
      return { region, id: armId(target) }
    },

    async resize(ref, sizeGib) {
      const { group, name } = diskTarget(client, ref)
      const found = await client.call('Disks_Get', () => disks.get(group, name))
      const has = found.diskSizeGB ?? 0
      if (has === sizeGib) return
      if (sizeGib < has) throw shrinking(name, has, sizeGib)
      await client.finish('Disks_Update', (pace) => disks.update(group, name, { diskSizeGB: sizeGib }, pace))
    },

    attach: (ref, vm) => attachVolume(client, ref, vm),
    detach: (ref) => detachVolume(client, ref),
    delete: (ref) => deleteDisk(ref),
  }
}

interface Attached {
  osDisk?: { managedDisk?: { id?: string } }
  dataDisks?: { lun: number; managedDisk?: { id?: string } }[]
}

/** Where each disk of a VM is, by its id in small letters. */
function devicesOf(profile: Attached | undefined): [id: string, device: string][] {
  const boot = profile?.osDisk?.managedDisk?.id
  return [
    ...(boot === undefined ? [] : [[boot.toLowerCase(), 'os'] as [string, string]]),
    ...(profile?.dataDisks ?? []).flatMap(({ lun, managedDisk }): [string, string][] =>
      managedDisk?.id === undefined ? [] : [[managedDisk.id.toLowerCase(), `lun${lun}`]],
    ),
  ]
}

async function deviceOn(client: AzureClient, disk: Disk): Promise<string | undefined> {
  const { group, name } = parseArmId(disk.managedBy ?? '', ownPlace(client, vmType))
  const vm = await client.find('VirtualMachines_Get', () => client.compute.virtualMachines.get(group, name))
  const id = canonicalId(disk.id ?? '').toLowerCase()
  return devicesOf(vm?.storageProfile).find(([each]) => canonicalId(each).toLowerCase() === id)?.[1]
}

const shrinking = (name: string, has: number, wanted: number): CloudError =>
  new CloudError(`sizeGib: the volume ${name} has ${has} GiB and cannot be made ${wanted} GiB.`, {
    cloud: 'azure',
    operation: 'Disks_Update',
    code: 'invalid_request',
    kind: 'permanent',
    remedy: 'A volume can only grow. Make a smaller one and copy what is on it.',
    details: { field: 'sizeGib' },
  })

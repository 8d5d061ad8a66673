import { CloudError } from '#shared/clouds/errors.ts'
import { orMissing, type GcpClient } from '#shared/clouds/gcp/client.ts'
import { runCall } from '#shared/clouds/gcp/compute/change.ts'
import { insertOnce } from '#shared/clouds/gcp/compute/insert.ts'
import { placeOf, readInstance } from '#shared/clouds/gcp/compute/vms.ts'
import { zoneFor } from '#shared/clouds/gcp/compute/zones.ts'
import { idOf, nameFor, parseLink } from '#shared/clouds/gcp/names.ts'
import { pages } from '#shared/clouds/gcp/paging.ts'
import { diskRegion, toVolume, typeNames, type Disk } from '#shared/clouds/gcp/storage/volume-mapping.ts'
import { keptText, labelsOf } from '#shared/clouds/gcp/tags.ts'
import type { CloudRef, VolumesFacet } from '#shared/clouds/port.ts'
import type { Operation } from '#shared/clouds/gcp/client.ts'

/** Zonal persistent disks. */
export function createVolumes(gcp: GcpClient): VolumesFacet {
  const { project } = gcp
  return {
    async *list({ region }) {
      for await (const disk of listDisks(gcp)) if (diskRegion(disk) === region) yield toVolume(disk)
    },

    async get(ref) {
      const disk = await findDisk(gcp, ref)
      return disk && toVolume(disk)
    },

    async create({ token, tags, region, name, sizeGib, type, snapshot, encryption, ...wishes }) {
      const zone = wishes.zone ?? (await zoneFor(gcp, region, token))
      const description = keptText({ tags, name })
      const diskResource = {
        name: nameFor(token),
        sizeGb: sizeGib,
        type: `zones/${zone}/diskTypes/${typeNames[type]}`,
        labels: labelsOf(tags),
        ...(description === undefined ? {} : { description }),
        ...(snapshot === undefined ? {} : { sourceSnapshot: idOf(parseLink(snapshot.id, 'snapshots')) }),
        ...(encryption?.keyId === undefined ? {} : { diskEncryptionKey: { kmsKeyName: encryption.keyId } }),
      }
      await insertOnce(gcp, 'compute.disks.insert', token, (requestId) =>
        gcp.compute('Disks', 'compute.disks.insert', async (client, once) => {
          const [operation] = await client.insert({ project, zone, requestId, diskResource }, once)
          return operation.latestResponse as unknown as Operation
        }),
      )
      return {
        region,
        id: idOf({ scope: 'zones', place: zone, collection: 'disks', name: diskResource.name }),
      }
    },

    async resize(ref, sizeGib) {
      const disk = await readDisk(gcp, ref)
      if (Number(disk.sizeGb) === sizeGib) return
      const disksResizeRequestResource = { sizeGb: sizeGib }
      await runCall(gcp, 'Disks', 'compute.disks.resize', (client, once) =>
        client.resize({ ...addressOf(gcp, ref), disksResizeRequestResource }, once),
      )
    },

    async attach(ref, vm) {
      const [disk, place] = [await readDisk(gcp, ref), await placeOf(gcp, vm)]
      const users = (disk.users ?? []).map((user) => idOf(parseLink(user, 'instances')))
      const wanted = idOf({
        scope: 'zones',
        place: place.zone,
        collection: 'instances',
        name: place.instance,
      })
      if (users.includes(wanted)) return
      if (users[0] !== undefined) throw attachedElsewhere(ref, users[0])
      const attachedDiskResource = {
        source: idOf(parseLink(ref.id, 'disks')),
        deviceName: disk.name ?? '',
        autoDelete: false,
      }
      await runCall(gcp, 'Instances', 'compute.instances.attachDisk', (client, once) =>
        client.attachDisk({ ...place, attachedDiskResource }, once),
      )
    },

    async detach(ref) {
      const disk = await findDisk(gcp, ref)
      for (const user of disk?.users ?? []) await detachFrom(gcp, ref, user)
    },

    async delete(ref) {
      await orMissing(
        runCall(gcp, 'Disks', 'compute.disks.delete', (client, once) =>
          client.delete(addressOf(gcp, ref), once),
        ),
      )
    },
  }
}

/** Disks of all zones as Google describes them, paged to the end. */
export async function* listDisks(gcp: GcpClient, filter?: string): AsyncGenerator<Disk> {
  const request = { project: gcp.project, ...(filter === undefined ? {} : { filter }) }
  const scopes = pages(gcp, 'Disks', 'compute.disks.aggregatedList', (client, once) =>
    client.aggregatedListAsync(request, once),
  )
  for await (const [, { disks }] of scopes) yield* disks ?? []
}

function addressOf(gcp: GcpClient, ref: CloudRef): { project: string; zone: string; disk: string } {
  const { project = gcp.project, place: zone, name: disk, scope } = parseLink(ref.id, 'disks')
  if (scope === 'zones' && zone !== '') return { project, zone, disk }
  throw new CloudError(`"${ref.id}" does not say in which zone the disk is.`, {
    cloud: 'gcp',
    operation: 'compute.disks.get',
    code: 'invalid_request',
    remedy: 'Use the id that listing volumes gives: zones/{zone}/disks/{name}.',
    details: { field: 'id' },
  })
}

async function findDisk(gcp: GcpClient, ref: CloudRef): Promise<Disk | undefined> {
  return orMissing(readDisk(gcp, ref))
}

async function readDisk(gcp: GcpClient, ref: CloudRef): Promise<Disk> {
  const address = addressOf(gcp, ref)
  const [disk] = await gcp.compute('Disks', 'compute.disks.get', (client, once) => client.get(address, once))
  return disk
}

async function detachFrom(gcp: GcpClient, ref: CloudRef, user: string): Promise<void> {
  const { place, disks } = await readInstance(gcp, {
    region: ref.region,
    id: idOf(parseLink(user, 'instances')),
  })
  const wanted = idOf(parseLink(ref.id, 'disks'))
  const there = (disks ?? []).find(({ source }) => source && idOf(parseLink(source, 'disks')) === wanted)
  const deviceName = there?.deviceName
  if (!deviceName) return
  await runCall(gcp, 'Instances', 'compute.instances.detachDisk', (client, once) =>
    client.detachDisk({ ...place, deviceName }, once),
  )
}

const attachedElsewhere = (ref: CloudRef, user: string): CloudError =>
  new CloudError(`The volume ${ref.id} is attached to ${user}.`, {
    cloud: 'gcp',
    operation: 'compute.instances.attachDisk',
    code: 'conflict',
    kind: 'retryable',
    remedy: 'Detach it there first.',
  })

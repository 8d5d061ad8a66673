import type { Cloud, InventoryFacet, OwnedResource } from '#shared/clouds/port.ts'
import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import type { RecordKind, RecordKinds } from '#shared/clouds/onprem/records.ts'
import { forgetTask } from '#shared/clouds/onprem/images/tasks.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

type Facets = Pick<Cloud, 'compute' | 'disks' | 'images' | 'networks' | 'storage'>

/** What carries owner tags, by the records. */
export function createInventory(site: Site, facets: Facets): InventoryFacet {
  return {
    settlesMs,
    async *owned({ region, tags }) {
      for (const { record, kind } of kinds)
        for await (const found of site.all(record, region))
          if (isThere(found, record) && hasAll(found.body.tags, tags)) yield toOwned(found, kind)
    },
    remove: (resource) => remove(site, facets, resource),
  }
}

/** A record is seen once it is written; what a cut-off call still had under way is written within this time. */
const settlesMs = 1_000

/** Dependents first. */
const kinds = [
  { record: 'task', kind: 'task' },
  { record: 'vm', kind: 'vm' },
  { record: 'image', kind: 'image' },
  { record: 'snapshot', kind: 'snapshot' },
  { record: 'volume', kind: 'disk' },
  { record: 'address', kind: 'address' },
  { record: 'security_group', kind: 'security_group' },
  { record: 'subnet', kind: 'subnet' },
  { record: 'network', kind: 'network' },
  { record: 'bucket', kind: 'bucket' },
] as const satisfies { record: RecordKind; kind: string }[]
type Kept = (typeof kinds)[number]['record']

/**
 * Of a deleted snapshot only the file is left, until nothing builds on it; of a task that has ended, the memory of how. One that waits
 * would be taken up by whoever asks for it.
 */
function isThere({ body }: Found<Kept>, kind: Kept): boolean {
  if (kind === 'snapshot') return !(body as RecordKinds['snapshot']).deleted
  return kind !== 'task' || (body as RecordKinds['task']).state === 'pending'
}

const hasAll = (tags: Record<string, string>, wanted: Record<string, string>) =>
  Object.entries(wanted).every(([tag, value]) => tags[tag] === value)

const toOwned = ({ id, body, host }: Found<Kept>, kind: string): OwnedResource => ({
  region: host.region,
  id,
  kind,
  name: body.name,
  tags: { ...body.tags },
})

async function remove(site: Site, facets: Facets, resource: OwnedResource): Promise<void> {
  const { compute, disks, images, networks, storage } = facets
  const removers: Record<string, () => Promise<void>> = {
    task: () => forgetTask(site, resource),
    vm: () => compute.delete(resource),
    image: () => images.delete(resource),
    snapshot: () => disks.deleteSnapshot(resource),
    disk: () => disks.deleteDisk(resource),
    address: () => networks.addresses.delete(resource),
    security_group: () => networks.securityGroups.delete(resource),
    subnet: () => networks.subnets.delete(resource),
    network: () => networks.delete(resource),
    bucket: () => storage.buckets.delete(resource, { withObjects: true }),
  }
  const removing = removers[resource.kind]
  if (removing) return removing()
  throw refusal('inventory.remove', `There are no resources of kind ${resource.kind} on hosts.`, {
    code: 'invalid_request',
  })
}

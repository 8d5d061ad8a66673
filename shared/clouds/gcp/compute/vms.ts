import type { CloudRef, CloudVm } from '#shared/clouds/port.ts'
import { orMissing, type GcpClient } from '#shared/clouds/gcp/client.ts'
import { toVm, type Instance } from '#shared/clouds/gcp/compute/mapping.ts'
import { lastPart, parseLink, regionOfZone } from '#shared/clouds/gcp/names.ts'
import { pages } from '#shared/clouds/gcp/paging.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/** Where a VM is: all that its calls need. */
export interface VmPlace {
  project: string
  zone: string
  instance: string
}

/** Where the VM of an id is. A bare name is looked for in all zones. @throws CloudError `not_found` */
export async function placeOf(gcp: GcpClient, ref: CloudRef): Promise<VmPlace> {
  const place = await findPlace(gcp, ref)
  if (place) return place
  throw new CloudError(`Google Cloud has no VM ${ref.id}.`, {
    cloud: 'gcp',
    operation: 'compute.instances.aggregatedList',
    code: 'not_found',
    remedy: 'Use the id that listing VMs gives.',
  })
}

export async function findPlace(gcp: GcpClient, ref: CloudRef): Promise<VmPlace | undefined> {
  const { project = gcp.project, place, name } = parseLink(ref.id, 'instances')
  if (place !== '') return { project, zone: place, instance: name }
  for await (const instance of instancesOf(gcp, `name = "${name}"`))
    return { project, zone: lastPart(instance.zone), instance: name }
  return undefined
}

export async function findInstance(gcp: GcpClient, place: VmPlace): Promise<Instance | undefined> {
  const found = gcp.compute('Instances', 'compute.instances.get', (client, once) => client.get(place, once))
  return (await orMissing(found))?.[0]
}

/** The VM of an id as the vendor gives it. @throws CloudError `not_found` */
export async function readInstance(gcp: GcpClient, ref: CloudRef): Promise<Instance & { place: VmPlace }> {
  const place = await placeOf(gcp, ref)
  const [instance] = await gcp.compute('Instances', 'compute.instances.get', (client, once) =>
    client.get(place, once),
  )
  return { ...instance, place }
}

export async function getVm(gcp: GcpClient, ref: CloudRef): Promise<CloudVm | undefined> {
  const place = await findPlace(gcp, ref)
  const instance = place && (await findInstance(gcp, place))
  return instance && toVm(instance)
}

export async function* listVms(gcp: GcpClient, region: string | undefined): AsyncGenerator<CloudVm> {
  for await (const instance of instancesOf(gcp)) {
    if (region === undefined || regionOfZone(lastPart(instance.zone)) === region) yield toVm(instance)
  }
}

/** Instances of all zones, paged to the end. */
export async function* instancesOf(gcp: GcpClient, filter?: string): AsyncGenerator<Instance> {
  const request = { project: gcp.project, ...(filter === undefined ? {} : { filter }) }
  const scopes = pages(gcp, 'Instances', 'compute.instances.aggregatedList', (client, once) =>
    client.aggregatedListAsync(request, once),
  )
  for await (const [, { instances }] of scopes) yield* instances ?? []
}

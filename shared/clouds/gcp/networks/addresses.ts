import type { protos } from '@google-cloud/compute'
import type { CloudAddress, CloudRef, NetworksFacet } from '#shared/clouds/port.ts'
import { orMissing, type GcpClient } from '#shared/clouds/gcp/client.ts'
import { runCall } from '#shared/clouds/gcp/compute/change.ts'
import { readInstance } from '#shared/clouds/gcp/compute/vms.ts'
import { deleteThing, insertThing } from '#shared/clouds/gcp/networks/made.ts'
import { idOf, lastPart, nameFor, parseLink } from '#shared/clouds/gcp/names.ts'
import { pages } from '#shared/clouds/gcp/paging.ts'
import { keptText, labelsOf, readKept, tagsOf } from '#shared/clouds/gcp/tags.ts'
import { CloudError } from '#shared/clouds/errors.ts'

type Address = protos.google.cloud.compute.v1.IAddress

/** Static external addresses of a region. */
export function createAddresses(gcp: GcpClient): NetworksFacet['addresses'] {
  const { project } = gcp
  const find = async (ref: CloudRef): Promise<Address | undefined> => {
    const found = await orMissing(
      gcp.compute('Addresses', 'compute.addresses.get', (client, once) =>
        client.get(placeOf(gcp, ref), once),
      ),
    )
    return found?.[0]
  }
  return {
    async *list({ region }) {
      for await (const address of addressesOf(gcp, region)) yield toAddress(address)
    },

    async get(ref) {
      const address = await find(ref)
      return address && toAddress(address)
    },

    async create({ token, tags, region, name }) {
      const address = nameFor(token)
      const description = keptText({ tags, name })
      const addressResource: Address = {
        name: address,
        addressType: 'EXTERNAL',
        labels: labelsOf(tags),
        ...(description === undefined ? {} : { description }),
      }
      await insertThing(gcp, 'Addresses', 'compute.addresses.insert', token, (client, requestId, once) =>
        client.insert({ project, region, requestId, addressResource }, once),
      )
      return { region, id: addressId(region, address) }
    },

    /** An interface has one external address: the one that it has makes room first. */
    async associate(ref, vm) {
      const address = await find(ref)
      if (!address) throw missing(ref)
      const { place, networkInterfaces } = await readInstance(gcp, vm)
      const nic = networkInterfaces?.[0]
      const config = nic?.accessConfigs?.[0]
      if (config?.natIP === address.address) return
      if (address.users?.length) throw inUse(ref, address.users[0] ?? '')
      const networkInterface = nic?.name ?? 'nic0'
      if (config)
        await removeConfig(gcp, { ...place, networkInterface, accessConfig: config.name ?? 'External NAT' })
      const accessConfigResource = {
        type: 'ONE_TO_ONE_NAT',
        name: 'External NAT',
        natIP: address.address ?? '',
      }
      await runCall(gcp, 'Instances', 'compute.instances.addAccessConfig', (client, once) =>
        client.addAccessConfig({ ...place, networkInterface, accessConfigResource }, once),
      )
    },

    async disassociate(ref) {
      const address = await find(ref)
      const user = address?.users?.[0]
      if (!address || !user) return
      const { place, networkInterfaces } = await readInstance(gcp, { region: ref.region, id: user })
      const nic = networkInterfaces?.find(({ accessConfigs }) =>
        accessConfigs?.some(({ natIP }) => natIP === address.address),
      )
      const config = nic?.accessConfigs?.find(({ natIP }) => natIP === address.address)
      if (nic && config)
        await removeConfig(gcp, {
          ...place,
          networkInterface: nic.name ?? 'nic0',
          accessConfig: config.name ?? 'External NAT',
        })
    },

    async delete(ref) {
      await deleteThing(gcp, 'Addresses', 'compute.addresses.delete', (client, once) =>
        client.delete(placeOf(gcp, ref), once),
      )
    },
  }
}

/** All addresses of a region. */
export const addressesOf = (gcp: GcpClient, region: string): AsyncGenerator<Address> =>
  pages(gcp, 'Addresses', 'compute.addresses.list', (client, once) =>
    client.listAsync({ project: gcp.project, region }, once),
  )

const addressId = (region: string, name: string): string =>
  idOf({ scope: 'regions', place: region, collection: 'addresses', name })

const placeOf = ({ project }: GcpClient, ref: CloudRef) => {
  const { place, name: address } = parseLink(ref.id, 'addresses')
  return { project, region: place || ref.region, address }
}

export function toAddress(address: Address): CloudAddress {
  const kept = readKept(address.description)
  const region = lastPart(address.region)
  const user = address.users?.find((link) => link.includes('/instances/'))
  return {
    region,
    id: addressId(region, address.name ?? ''),
    name: kept.name ?? address.name ?? '',
    ...(address.address ? { ip: address.address } : {}),
    ...(user === undefined ? {} : { vm: idOf(parseLink(user, 'instances')) }),
    tags: tagsOf(address.labels, kept),
  }
}

async function removeConfig(
  gcp: GcpClient,
  request: {
    project: string
    zone: string
    instance: string
    networkInterface: string
    accessConfig: string
  },
): Promise<void> {
  await runCall(gcp, 'Instances', 'compute.instances.deleteAccessConfig', (client, once) =>
    client.deleteAccessConfig(request, once),
  )
}

const inUse = ({ id }: CloudRef, user: string): CloudError =>
  new CloudError(`The address ${id} leads to ${lastPart(user)} already.`, {
    cloud: 'gcp',
    operation: 'compute.instances.addAccessConfig',
    code: 'conflict',
    kind: 'retryable',
    remedy: 'Take it from there first.',
  })

const missing = ({ id }: CloudRef): CloudError =>
  new CloudError(`Google Cloud has no address ${id}.`, {
    cloud: 'gcp',
    operation: 'compute.addresses.get',
    code: 'not_found',
  })

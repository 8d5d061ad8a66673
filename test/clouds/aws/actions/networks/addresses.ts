import { randomInt } from 'node:crypto'
import { changing, chosen, done, reading, tagsFor, tagsOf } from '#test/clouds/aws/action.ts'
import { nowhere, type ElasticIp } from '#test/clouds/aws/network-records.ts'
import { filtered } from '#test/clouds/aws/querying.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import {
  allocationId,
  associationId,
  filters,
  flag,
  instanceId,
  list,
  need,
  tagSpecifications,
  text,
} from '#test/clouds/aws/shapes.ts'
import { find, newId, type Region } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

const unknownAddress = 'InvalidAllocationID.NotFound'

/** Not paged, as at the vendor. */
export const describeAddresses = reading(
  { AllocationId: list(allocationId), PublicIp: list(text()), Filter: filters },
  ({ AllocationId, PublicIp, Filter }, { region }) => {
    const found = filtered(chosen(region, region.addresses, AllocationId, unknownAddress), Filter, {
      'allocation-id': ({ id }) => [id],
      'association-id': (address) => [address.associationId],
      'instance-id': (address) => [address.instanceId],
      'network-interface-id': (address) => [address.interfaceId],
      'public-ip': ({ ip }) => [ip],
    })
    const missing = PublicIp.find((ip) => !found.some((address) => address.ip === ip))
    if (missing !== undefined) throw new Refusal('InvalidAddress.NotFound', `Address '${missing}' not found.`)
    return {
      addressesSet: found
        .filter(({ ip }) => PublicIp.length === 0 || PublicIp.includes(ip))
        .map((address) => describe(address, region)),
    }
  },
)

export const allocateAddress = changing(
  { Domain: text({ pattern: /^vpc$/ }), TagSpecification: tagSpecifications },
  ({ TagSpecification }, { world, region }) => {
    if (region.addresses.size >= world.addressQuota)
      throw new Refusal('AddressLimitExceeded', 'The maximum number of addresses has been reached.')
    const taken = new Set([...region.addresses.values()].map(({ ip }) => ip))
    let ip = ''
    do ip = `198.51.100.${randomInt(1, 254)}`
    while (taken.has(ip))
    const address: ElasticIp = {
      id: newId('eipalloc'),
      seq: world.nextSeq(),
      tags: tagsFor('elastic-ip', TagSpecification),
      ip,
      ...nowhere,
    }
    region.addresses.set(address.id, address)
    region.visible.add(address.id)
    return {
      publicIp: ip,
      allocationId: address.id,
      domain: 'vpc',
      publicIpv4Pool: 'amazon',
      networkBorderGroup: region.name,
    }
  },
)

export const associateAddress = changing(
  { AllocationId: need(allocationId), InstanceId: need(instanceId), AllowReassociation: flag },
  (input, { region }) => {
    const address = find(region, region.addresses, input.AllocationId, unknownAddress)
    const instance = find(region, region.instances, input.InstanceId, 'InvalidInstanceID.NotFound')
    const state = instance.life.state()
    if (state !== 'running' && state !== 'stopped') {
      throw new Refusal(
        'IncorrectInstanceState',
        `The pending-instance-creation instance to which you tried to associate the address is in state '${state}'.`,
      )
    }
    const elsewhere = address.instanceId !== undefined && address.instanceId !== instance.id
    if (elsewhere && input.AllowReassociation === false) {
      throw new Refusal(
        'Resource.AlreadyAssociated',
        `resource ${address.id} is already associated with associate-id ${address.associationId}`,
      )
    }
    if (!reachable(region, instance.subnetId))
      throw new Refusal(
        'Gateway.NotAttached',
        `Network ${vpcOf(region, instance.subnetId)} is not attached to any internet gateway`,
      )
    if (address.instanceId !== instance.id) {
      for (const other of region.addresses.values()) {
        if (other.instanceId === instance.id) Object.assign(other, nowhere)
      }
      Object.assign(address, {
        associationId: newId('eipassoc'),
        instanceId: instance.id,
        interfaceId: instance.interfaceId,
      })
    }
    return { return: true, associationId: address.associationId }
  },
)

export const disassociateAddress = changing({ AssociationId: need(associationId) }, (input, { region }) => {
  const address = [...region.addresses.values()].find((each) => each.associationId === input.AssociationId)
  if (!address) {
    throw new Refusal(
      'InvalidAssociationID.NotFound',
      `The association ID '${input.AssociationId}' does not exist`,
    )
  }
  Object.assign(address, nowhere)
  return done
})

export const releaseAddress = changing({ AllocationId: need(allocationId) }, (input, { region }) => {
  const address = find(region, region.addresses, input.AllocationId, unknownAddress)
  if (address.associationId !== undefined) {
    throw new Refusal('InvalidIPAddress.InUse', `Address ${address.ip} is in use.`)
  }
  region.addresses.delete(address.id)
  return done
})

const vpcOf = (region: Region, subnetId: string): string => region.subnets.get(subnetId)?.vpcId ?? ''

const reachable = (region: Region, subnetId: string): boolean =>
  [...region.gateways.values()].some((gateway) => gateway.vpcId === vpcOf(region, subnetId))

const describe = (address: ElasticIp, region: Region): Xml => ({
  publicIp: address.ip,
  allocationId: address.id,
  domain: 'vpc',
  associationId: address.associationId,
  instanceId: address.instanceId,
  networkInterfaceId: address.interfaceId,
  privateIpAddress: region.interfaces.get(address.interfaceId ?? '')?.privateIp,
  publicIpv4Pool: 'amazon',
  networkBorderGroup: region.name,
  tagSet: tagsOf(address.tags),
})

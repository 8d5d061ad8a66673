import type { ResourceSpecs } from '#shared/resources/specs.ts'
import type { Craft } from '#workers/resources/kinds.ts'
import { seeAddress, seeNetwork, seeSecurityGroup, seeSubnet } from '#workers/resources/seen.ts'

export const networks: Craft<ResourceSpecs['network']> = {
  create: async (cloud, { input: { region, name, spec }, intent }) => ({
    ref: await cloud.networks.create({ ...intent('network'), region, name, cidr: spec.cidr }),
  }),
  async get(cloud, ref) {
    const network = await cloud.networks.get(ref)
    return network && seeNetwork(network)
  },
  remove: (cloud, ref) => cloud.networks.delete(ref),
}

export const subnets: Craft<ResourceSpecs['subnet']> = {
  create: async (cloud, { input: { name, spec }, intent }) => ({
    ref: await cloud.networks.subnets.create({
      ...intent('subnet'),
      network: spec.network,
      name,
      cidr: spec.cidr,
      ...(spec.zone === undefined ? {} : { zone: spec.zone }),
    }),
  }),
  async get(cloud, ref, { network }) {
    const parent =
      typeof network === 'string' ? await cloud.networks.get({ region: ref.region, id: network }) : undefined
    const subnet = parent?.subnets.find(({ id }) => id === ref.id)
    return subnet && seeSubnet(subnet)
  },
  remove: (cloud, ref) => cloud.networks.subnets.delete(ref),
}

export const securityGroups: Craft<ResourceSpecs['security_group']> = {
  create: async (cloud, { input: { region, name, spec }, intent }) => ({
    ref: await cloud.networks.securityGroups.create({
      ...intent('security group'),
      region,
      name,
      description: spec.description,
      rules: spec.rules,
      ...(spec.network ? { network: spec.network } : {}),
    }),
  }),
  async get(cloud, ref) {
    const group = await cloud.networks.securityGroups.get(ref)
    return group && seeSecurityGroup(group)
  },
  remove: (cloud, ref) => cloud.networks.securityGroups.delete(ref),
}

export const addresses: Craft<ResourceSpecs['address']> = {
  create: async (cloud, { input: { region, name }, intent }) => ({
    ref: await cloud.networks.addresses.create({ ...intent('address'), region, name }),
  }),
  async get(cloud, ref) {
    const address = await cloud.networks.addresses.get(ref)
    return address && seeAddress(address)
  },
  remove: (cloud, ref) => cloud.networks.addresses.delete(ref),
}

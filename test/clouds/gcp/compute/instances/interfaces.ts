import { newAddress, userOf } from '#test/clouds/gcp/compute/addresses.ts'
import { regionOf } from '#test/clouds/gcp/compute/places.ts'
import { inUse } from '#test/clouds/gcp/compute/things.ts'
import { listOf, resolve, type Body, type Thing } from '#test/clouds/gcp/compute/world.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** The network interfaces of an instance: a network, or a subnet of the zone's region. */
export function readInterfaces(world: World, zone: string, sent: unknown): Body[] {
  const interfaces = (sent ?? []) as Body[]
  if (interfaces.length === 0)
    throw new Refusal(
      400,
      'invalid',
      "Invalid value for field 'resource.networkInterfaces': ''. At least one network interface is required.",
    )
  const region = regionOf(world, zone)
  return interfaces.map((one, index) => {
    const subnet = subnetOf(world, region, one)
    return {
      name: `nic${index}`,
      network: subnet.body['network'],
      subnetwork: subnet.path,
      networkIP: addressIn(world, subnet),
      stackType: 'IPV4_ONLY',
      fingerprint: 'AAAAAAAAAAA=',
      ...(one['accessConfigs'] === undefined || (one['accessConfigs'] as Body[]).length === 0
        ? {}
        : {
            accessConfigs: (one['accessConfigs'] as Body[]).map((config) =>
              accessConfigOf(world, region, config),
            ),
          }),
    }
  })
}

/** An external address of an interface: one that is given and free, or any. */
export function accessConfigOf(world: World, region: string, config: Body): Body {
  if ((config['type'] ?? 'ONE_TO_ONE_NAT') !== 'ONE_TO_ONE_NAT')
    throw new Refusal(400, 'invalid', `Invalid value for field 'type': '${String(config['type'])}'.`)
  const given = config['natIP']
  if (typeof given === 'string') {
    const held = listOf(world.compute, 'addresses').find(
      ({ body, place }) => body['address'] === given && place === region,
    )
    if (!held)
      throw new Refusal(
        400,
        'invalid',
        `Invalid value for field 'resource.networkInterfaces[0].accessConfigs[0].natIP': '${given}'. The specified external IP address '${given}' was not found in region '${region}'.`,
      )
    const user = userOf(world, given)
    if (user) throw inUse(held.path, user.path)
  }
  return {
    kind: 'compute#accessConfig',
    type: 'ONE_TO_ONE_NAT',
    name: config['name'] ?? 'External NAT',
    natIP: given ?? newAddress(world),
    networkTier: config['networkTier'] ?? 'PREMIUM',
  }
}

function subnetOf(world: World, region: string, one: Body): Thing {
  if (one['subnetwork'] !== undefined) {
    const subnet = resolve(
      world.compute,
      one['subnetwork'],
      'subnetworks',
      'resource.networkInterfaces[0].subnetwork',
    )
    if (subnet.place === region) return subnet
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'resource.networkInterfaces[0].subnetwork': '${subnet.path}'. The referenced subnetwork resource is of another region.`,
    )
  }
  const network = resolve(
    world.compute,
    one['network'] ?? 'global/networks/default',
    'networks',
    'resource.networkInterfaces[0].network',
  )
  const subnet = listOf(world.compute, 'subnetworks').find(
    ({ body, place }) => body['network'] === network.path && place === region,
  )
  if (subnet && network.body['autoCreateSubnetworks'] === true) return subnet
  throw new Refusal(
    400,
    'invalid',
    "Invalid value for field 'resource.networkInterfaces[0]': Subnetwork should be specified for custom subnetmode network",
  )
}

function addressIn(world: World, subnet: Thing): string {
  const [base = '10.0.0.0'] = String(subnet.body['ipCidrRange']).split('/')
  const number = world.compute.nextSeq()
  const [a, b, c] = base.split('.').map(Number)
  return `${a}.${b}.${(c ?? 0) + ((number >> 8) & 3)}.${number & 255}`
}

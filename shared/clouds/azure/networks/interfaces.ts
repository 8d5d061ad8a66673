import type { NetworkInterface, PublicIPAddress } from '@azure/arm-network'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { withGroup } from '#shared/clouds/azure/group.ts'
import { armId, canonicalId, nicNameOf } from '#shared/clouds/azure/names.ts'
import {
  groupType,
  networkType,
  nicType,
  subnetId,
  subnetTarget,
  targetOf,
} from '#shared/clouds/azure/networks/ids.ts'
import { openOutwards } from '#shared/clouds/azure/networks/subnets.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CreateVm } from '#shared/clouds/port.ts'

/**
 * The network interface of a VM to be made; called again, the same. No public address: a VM that moved here must not be on the
 * internet because of it.
 * @param guard the id of its security group: see `requireSecurityGroup`.
 */
export async function ensureInterface(
  client: AzureClient,
  request: CreateVm,
  vmName: string,
  guard: string | undefined,
): Promise<string> {
  const { resourceGroup: group, subscriptionId: subscription } = client.settings
  const name = nicNameOf(vmName)
  const { networkInterfaces } = client.network
  const made = await client.find('NetworkInterfaces_Get', () => networkInterfaces.get(group, name))
  if (made?.provisioningState === 'Succeeded')
    return made.id ?? armId({ subscription, group, type: nicType, name })
  const subnet = await subnetOf(client, request)
  const nic = await client.finish('NetworkInterfaces_CreateOrUpdate', (pace) =>
    networkInterfaces.createOrUpdate(
      group,
      name,
      {
        location: request.region,
        tags: request.tags,
        ipConfigurations: [
          { name: 'primary', primary: true, subnet: { id: subnet }, privateIPAllocationMethod: 'Dynamic' },
        ],
        ...(guard === undefined ? {} : { networkSecurityGroup: { id: guard } }),
      },
      pace,
    ),
  )
  return nic.id ?? armId({ subscription, group, type: nicType, name })
}

/**
 * The id of the security group that a VM is to have, which is there. Azure has one per interface; a bare name is one in the provider's resource group.
 * @throws CloudError `invalid_request` for more than one, `not_found` for one that does not exist.
 */
export async function requireSecurityGroup(
  client: AzureClient,
  { securityGroups = [] }: Pick<CreateVm, 'securityGroups'>,
): Promise<string | undefined> {
  const [first, ...more] = securityGroups
  if (first === undefined) return undefined
  if (more.length > 0)
    throw refusedGroup('Azure takes one network security group per VM.', {
      code: 'invalid_request',
      remedy: 'Name one network security group that holds all rules.',
    })
  const target = targetOf(client, groupType, first)
  const found = await client.find('NetworkSecurityGroups_Get', () =>
    client.network.networkSecurityGroups.get(target.group, target.name),
  )
  if (found) return armId(target)
  throw refusedGroup(`there is no network security group ${first}.`, {
    code: 'not_found',
    remedy:
      'Create it first, or name one that is there, by its id or, in the provider’s resource group, by its name.',
  })
}

/** Addresses of an interface, and what else a VM's description takes from it. */
export function describeInterface(
  nic: NetworkInterface | undefined,
  addresses: ReadonlyMap<string, PublicIPAddress>,
): { privateIp?: string; publicIp?: string; subnet?: string; securityGroups: string[] } {
  const primary = nic?.ipConfigurations?.find((each) => each.primary) ?? nic?.ipConfigurations?.[0]
  const address = primary?.publicIPAddress
  const publicIp = address?.ipAddress ?? addresses.get(address?.id?.toLowerCase() ?? '')?.ipAddress
  return {
    ...(primary?.privateIPAddress === undefined ? {} : { privateIp: primary.privateIPAddress }),
    ...(publicIp === undefined ? {} : { publicIp }),
    ...(primary?.subnet?.id === undefined ? {} : { subnet: canonicalId(primary.subnet.id) }),
    securityGroups:
      nic?.networkSecurityGroup?.id === undefined ? [] : [canonicalId(nic.networkSecurityGroup.id)],
  }
}

/** The one that the request names, else the registration's, else NovaCron's own. */
async function subnetOf(client: AzureClient, { subnet, region }: CreateVm): Promise<string> {
  const named = subnet ?? client.settings.subnetId
  return named === undefined ? ensureSubnet(client, region) : subnetId(subnetTarget(client, named))
}

/** One network per region, shared by all VMs that name no subnet; it costs nothing and stays. */
async function ensureSubnet(client: AzureClient, region: string): Promise<string> {
  const { resourceGroup: group, subscriptionId: subscription } = client.settings
  const name = `novacron-${region}`
  const id = `${armId({ subscription, group, type: networkType, name })}/subnets/default`
  const made = await client.find('Subnets_Get', () => client.network.subnets.get(group, name, 'default'))
  if (made) return id
  await withGroup(client, region, () =>
    client.finish('VirtualNetworks_CreateOrUpdate', (pace) =>
      client.network.virtualNetworks.createOrUpdate(
        group,
        name,
        {
          location: region,
          tags: { 'novacron-shared': 'true' },
          addressSpace: { addressPrefixes: ['10.61.0.0/16'] },
          subnets: [{ name: 'default', addressPrefix: '10.61.0.0/16', ...openOutwards }],
        },
        pace,
      ),
    ),
  )
  return id
}

const refusedGroup = (what: string, facts: { code: string; remedy: string }): CloudError =>
  new CloudError(`security_groups: ${what}`, {
    cloud: 'azure',
    operation: 'NetworkSecurityGroups_Get',
    details: { field: 'security_groups' },
    ...facts,
  })

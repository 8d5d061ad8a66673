import type { NetworkInterface, PublicIPAddress } from '@azure/arm-network'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { interfaceIds, vmTarget } from '#shared/clouds/azure/compute/vms.ts'
import { goneIsFine } from '#shared/clouds/azure/gone.ts'
import { withGroup } from '#shared/clouds/azure/group.ts'
import { armId, canonicalId, nameFor } from '#shared/clouds/azure/names.ts'
import { addressType, nicType, targetOf } from '#shared/clouds/azure/networks/ids.ts'
import { keptTag, shownName, withName } from '#shared/clouds/azure/tags.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudAddress, CloudRef, NetworksFacet } from '#shared/clouds/port.ts'

/** Public addresses: static ones of the Standard kind, which keep their number until they are deleted. */
export function createAddresses(client: AzureClient): NetworksFacet['addresses'] {
  const { network } = client
  const find = (ref: CloudRef): Promise<PublicIPAddress | undefined> => {
    const { group, name } = targetOf(client, addressType, ref.id)
    return client.find('PublicIPAddresses_Get', () => network.publicIPAddresses.get(group, name))
  }

  return {
    async *list({ region }) {
      const users = new Map<string, string>()
      for await (const nic of client.pages('NetworkInterfaces_ListAll', () =>
        network.networkInterfaces.listAll(),
      )) {
        if (nic.id && nic.virtualMachine?.id) users.set(nic.id.toLowerCase(), nic.virtualMachine.id)
      }
      for await (const address of client.pages('PublicIPAddresses_ListAll', () =>
        network.publicIPAddresses.listAll(),
      )) {
        if (address.location === region)
          yield toAddress(address, users.get(nicOf(address)?.toLowerCase() ?? ''))
      }
    },

    async get(ref) {
      const found = await find(ref)
      if (!found) return undefined
      const nicId = nicOf(found)
      const nic = nicId === undefined ? undefined : await findNic(client, nicId)
      return toAddress(found, nic?.virtualMachine?.id)
    },

    async create({ token, tags, region, name: wantedName }) {
      const target = targetOf(client, addressType, nameFor(token))
      const { group, name } = target
      const made = await find({ region, id: name })
      if (made?.provisioningState !== 'Succeeded') {
        await withGroup(client, region, () =>
          client.finish('PublicIPAddresses_CreateOrUpdate', (pace) =>
            network.publicIPAddresses.createOrUpdate(
              group,
              name,
              {
                location: region,
                tags: { ...withName(tags, wantedName), [keptTag]: 'true' },
                sku: { name: 'Standard', tier: 'Regional' },
                publicIPAllocationMethod: 'Static',
                publicIPAddressVersion: 'IPv4',
              },
              pace,
            ),
          ),
        )
      }
      return { region, id: armId(target) }
    },

    async associate(ref, vm) {
      const address = await find(ref)
      if (!address) throw missing('address', ref.id)
      const nic = await firstInterface(client, vm)
      const user = nicOf(address)
      if (user?.toLowerCase() === nic.id?.toLowerCase()) return
      if (user !== undefined) throw inUse(ref, user)
      await putNic(client, nic, (current) => ({
        ...current,
        publicIPAddress: { id: armId(targetOf(client, addressType, ref.id)), deleteOption: 'Detach' },
      }))
    },

    async disassociate(ref) {
      const address = await find(ref)
      const user = address && nicOf(address)
      const nic = user === undefined ? undefined : await findNic(client, user)
      if (!nic) return
      await putNic(client, nic, ({ publicIPAddress, ...current }) =>
        publicIPAddress?.id?.toLowerCase() === address?.id?.toLowerCase()
          ? current
          : { ...current, ...(publicIPAddress ? { publicIPAddress } : {}) },
      )
    },

    async delete(ref) {
      const { group, name } = targetOf(client, addressType, ref.id)
      await goneIsFine(
        client.finish('PublicIPAddresses_Delete', (pace) =>
          network.publicIPAddresses.delete(group, name, pace),
        ),
      )
    },
  }
}

type IpConfiguration = NonNullable<NetworkInterface['ipConfigurations']>[number]

/** The interface that an address leads to: its configuration's id begins with it. A load balancer's is none. */
function nicOf({ ipConfiguration }: PublicIPAddress): string | undefined {
  const [nic, configuration] = (ipConfiguration?.id ?? '').split(/\/ipConfigurations\//i)
  return configuration !== undefined && nic?.toLowerCase().includes('/networkinterfaces/') ? nic : undefined
}

function findNic(client: AzureClient, id: string): Promise<NetworkInterface | undefined> {
  const { group, name } = targetOf(client, nicType, id)
  return client.find('NetworkInterfaces_Get', () => client.network.networkInterfaces.get(group, name))
}

async function firstInterface(client: AzureClient, ref: CloudRef): Promise<NetworkInterface> {
  const { group, name } = vmTarget(client, ref)
  const vm = await client.find('VirtualMachines_Get', () => client.compute.virtualMachines.get(group, name))
  if (!vm) throw missing('vm', ref.id)
  const [first] = interfaceIds(vm)
  const nic = first === undefined ? undefined : await findNic(client, first)
  if (!nic) throw missing('vm.interface', ref.id)
  return nic
}

/** Changes the first configuration of an interface; all else of it is sent back as it came. */
async function putNic(
  client: AzureClient,
  nic: NetworkInterface,
  change: (configuration: IpConfiguration) => IpConfiguration,
): Promise<void> {
  const { group, name } = targetOf(client, nicType, nic.id ?? '')
  const configurations = nic.ipConfigurations ?? []
  const first = configurations.findIndex(({ primary }) => primary)
  const changed = configurations.map((each, index) => (index === Math.max(0, first) ? change(each) : each))
  await client.finish('NetworkInterfaces_CreateOrUpdate', (pace) =>
    client.network.networkInterfaces.createOrUpdate(
      group,
      name,
      { ...nic, ipConfigurations: changed },
      {
        ...pace,
        ...(nic.etag === undefined ? {} : { requestOptions: { headers: { 'if-match': nic.etag } } }),
      },
    ),
  )
}

const toAddress = (address: PublicIPAddress, vm: string | undefined): CloudAddress => ({
  region: address.location ?? '',
  id: canonicalId(address.id ?? ''),
  name: shownName(address),
  tags: address.tags ?? {},
  ...(address.ipAddress === undefined ? {} : { ip: address.ipAddress }),
  ...(vm === undefined ? {} : { vm: canonicalId(vm) }),
})

const missing = (field: string, id: string): CloudError =>
  new CloudError(`${field}: Azure has no "${id}".`, {
    cloud: 'azure',
    operation: 'NetworkInterfaces_CreateOrUpdate',
    code: 'not_found',
    kind: 'permanent',
    remedy: 'Name a VM and an address that exist.',
    details: { field },
  })

const inUse = ({ id }: CloudRef, user: string): CloudError =>
  new CloudError(`The address ${id} leads to ${user} already.`, {
    cloud: 'azure',
    operation: 'NetworkInterfaces_CreateOrUpdate',
    code: 'conflict',
    kind: 'permanent',
    remedy: 'Disassociate it first.',
  })

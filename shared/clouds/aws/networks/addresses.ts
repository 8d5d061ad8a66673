import type { Address, DescribeAddressesRequest } from '@aws-sdk/client-ec2'
import type { CloudAddress, CloudRef, NetworksFacet } from '#shared/clouds/port.ts'
import { isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { madeOnce } from '#shared/clouds/aws/made-once.ts'
import { intentTags, tagFilters, tokenTag } from '#shared/clouds/aws/mapping.ts'
import { toAddress } from '#shared/clouds/aws/networks/mapping.ts'
import { onceKnown } from '#shared/clouds/aws/waiting.ts'

/** Elastic IPs. */
export function createAddresses(aws: AwsClients): NetworksFacet['addresses'] {
  return {
    async *list({ region }): AsyncGenerator<CloudAddress> {
      for (const address of await describeAddresses(aws, region, {})) {
        // One of EC2-Classic has no allocation, and can be nothing's in a VPC.
        if (address.AllocationId !== undefined) yield toAddress(address, region)
      }
    },
    async get(ref) {
      const address = await findAddress(aws, ref)
      return address && toAddress(address, ref.region)
    },
    create: (request) => allocate(aws, request),
    async associate(ref, vm) {
      // To the same instance again changes nothing; from another one it is taken away.
      await onceKnown(aws, () =>
        aws.ec2(ref.region, 'AssociateAddress', (ec2, http) =>
          ec2.associateAddress({ AllocationId: ref.id, InstanceId: vm.id, AllowReassociation: true }, http),
        ),
      )
    },
    async disassociate(ref) {
      const address = await findAddress(aws, ref)
      if (address) await detachAddress(aws, ref.region, address)
    },
    delete: (ref) => releaseAddress(aws, ref),
  }
}

/** All that match; EC2 gives them without pages, as an account has few. */
export async function describeAddresses(
  aws: AwsClients,
  region: string,
  query: DescribeAddressesRequest,
): Promise<Address[]> {
  const { Addresses = [] } = await aws.ec2(region, 'DescribeAddresses', (ec2, http) =>
    ec2.describeAddresses(query, http),
  )
  return Addresses
}

/** Takes the address from whatever it leads to. Nothing is fine. */
export async function detachAddress(
  aws: AwsClients,
  region: string,
  { AssociationId }: Address,
): Promise<void> {
  if (AssociationId === undefined) return
  try {
    await aws.ec2(region, 'DisassociateAddress', (ec2, http) =>
      ec2.disassociateAddress({ AssociationId }, http),
    )
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** Gives the address back. Gone already is fine; in use throws `conflict`. */
export async function releaseAddress(aws: AwsClients, { region, id }: CloudRef): Promise<void> {
  try {
    await aws.ec2(region, 'ReleaseAddress', (ec2, http) => ec2.releaseAddress({ AllocationId: id }, http))
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

async function findAddress(aws: AwsClients, { region, id }: CloudRef): Promise<Address | undefined> {
  try {
    const [address] = await describeAddresses(aws, region, { AllocationIds: [id] })
    return address
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** An address costs by the hour from its allocation on, and there are few: twins are given back at once. */
function allocate(
  aws: AwsClients,
  request: Parameters<NetworksFacet['addresses']['create']>[0],
): Promise<CloudRef> {
  const { region, token } = request
  return madeOnce(aws, {
    region,
    operation: 'AllocateAddress',
    find: async () =>
      (await describeAddresses(aws, region, { Filters: tagFilters({ [tokenTag]: token }) })).flatMap(
        ({ AllocationId }) => AllocationId ?? [],
      ),
    create: async () => {
      const { AllocationId } = await aws.ec2Once(region, 'AllocateAddress', (ec2, http) =>
        ec2.allocateAddress(
          {
            Domain: 'vpc',
            TagSpecifications: [
              { ResourceType: 'elastic-ip' as const, Tags: intentTags(request, request.name) },
            ],
          },
          http,
        ),
      )
      return AllocationId
    },
    remove: (twin) => releaseAddress(aws, twin),
  })
}

import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { lastPart } from '#shared/clouds/gcp/names.ts'
import { readDescribed } from '#shared/clouds/gcp/networks/described.ts'
import { networkId, networksOf, subnetworksOf } from '#shared/clouds/gcp/networks/vpcs.ts'
import type { PostureResource } from '#shared/clouds/port.ts'

/** Networks with whether flow logs are kept in every one of their subnets in the region; undefined where they have none there. */
export async function* networksPosture(gcp: GcpClient, region: string): AsyncGenerator<PostureResource> {
  const logged = new Map<string, boolean>()
  for await (const { network, enableFlowLogs, logConfig } of subnetworksOf(gcp, region)) {
    const name = lastPart(network)
    const isOn = logConfig?.enable === true || enableFlowLogs === true
    logged.set(name, isOn && (logged.get(name) ?? true))
  }
  for await (const network of networksOf(gcp)) {
    const { name, tags } = readDescribed(network)
    const flowLogs = logged.get(network.name ?? '')
    yield {
      kind: 'network',
      region,
      id: networkId(network.name ?? ''),
      name,
      tags,
      isDefault: network.name === 'default',
      ...(flowLogs === undefined ? {} : { flowLogs }),
    }
  }
}

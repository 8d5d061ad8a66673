import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { canonicalId } from '#shared/clouds/azure/names.ts'
import { fromAzureRules } from '#shared/clouds/azure/networks/rules.ts'
import { known } from '#shared/clouds/azure/posture/machines.ts'
import { groupOf } from '#shared/clouds/azure/storage/places.ts'
import type { PostureResource } from '#shared/clouds/port.ts'

/** Azure makes no group or network by itself, so none is a default one. */
export async function* securityGroups(client: AzureClient, region: string): AsyncGenerator<PostureResource> {
  for await (const group of client.pages('NetworkSecurityGroups_ListAll', () =>
    client.network.networkSecurityGroups.listAll(),
  )) {
    if (group.location !== region) continue
    const users = (group.networkInterfaces ?? []).length + (group.subnets ?? []).length
    yield {
      kind: 'security_group',
      ...known(region, group),
      rules: fromAzureRules(group),
      isDefault: false,
      inUse: users > 0,
    }
  }
}

export async function* networks(client: AzureClient, region: string): AsyncGenerator<PostureResource> {
  let logged: ReadonlySet<string> | undefined
  for await (const network of client.pages('VirtualNetworks_ListAll', () =>
    client.network.virtualNetworks.listAll(),
  )) {
    if (network.location !== region) continue
    logged ??= await withFlowLogs(client, region)
    const facts = known(region, network)
    yield { kind: 'network', ...facts, isDefault: false, flowLogs: logged.has(facts.id.toLowerCase()) }
  }
}

/** Ids, in lower case, of what has an enabled flow log. Those are kept by the network watcher of the region. */
async function withFlowLogs(client: AzureClient, region: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for await (const watcher of client.pages('NetworkWatchers_ListAll', () =>
    client.network.networkWatchers.listAll(),
  )) {
    if (watcher.location !== region) continue
    for await (const log of client.pages('FlowLogs_List', () =>
      client.network.flowLogs.list(groupOf(watcher), watcher.name ?? ''),
    ))
      if (log.enabled === true) found.add(canonicalId(log.targetResourceId ?? '').toLowerCase())
  }
  return found
}

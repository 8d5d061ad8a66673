import type { AzureClient } from '#shared/clouds/azure/client.ts'

/** https://learn.microsoft.com/rest/api/resources/management-locks */
const locksApi = '2020-05-01'

/** Says whether a lock on a resource, or on what it is in, keeps it from being deleted: both levels of locks do. */
export async function locksOf(client: AzureClient): Promise<(id: string) => boolean> {
  const scopes: string[] = []
  const path = `/subscriptions/${client.settings.subscriptionId}/providers/Microsoft.Authorization/locks`
  for await (const lock of client.armPages('ManagementLocks_ListAtSubscriptionLevel', path, locksApi)) {
    const [scope] = (lock as { id: string }).id
      .toLowerCase()
      .split('/providers/microsoft.authorization/locks/')
    if (scope !== undefined) scopes.push(scope)
  }
  return (id) => {
    const wanted = id.toLowerCase()
    return scopes.some((scope) => wanted === scope || wanted.startsWith(`${scope}/`))
  }
}

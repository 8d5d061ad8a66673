import type { StorageAccount } from '@azure/arm-storage'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { bucketsOf } from '#shared/clouds/azure/storage/buckets.ts'
import type { PostureResource } from '#shared/clouds/port.ts'

export async function* buckets(client: AzureClient, region: string): AsyncGenerator<PostureResource> {
  for await (const account of client.pages('StorageAccounts_List', () =>
    client.storage.storageAccounts.list(),
  )) {
    if (account.location !== region) continue
    let logging: boolean | undefined
    for await (const { name, id, tags, encrypted, keyId, access, versioning } of bucketsOf(client, account)) {
      logging ??= await isLogged(client, account)
      yield {
        kind: 'bucket',
        region,
        id,
        name,
        tags,
        encrypted,
        customerKey: keyId !== undefined,
        access,
        versioning,
        logging,
        tlsOnly:
          account.enableHttpsTrafficOnly === true && !weakTls.has(account.minimumTlsVersion ?? 'TLS1_0'),
      }
    }
  }
}

/** Does a diagnostic setting of the blob service keep a log of its requests? */
async function isLogged(client: AzureClient, { id = '' }: StorageAccount): Promise<boolean> {
  const service = `${id.slice(1)}/blobServices/default`
  for await (const setting of client.pages('DiagnosticSettings_List', () =>
    client.monitor.diagnosticSettings.list(service),
  ))
    if ((setting.logs ?? []).some(({ enabled }) => enabled)) return true
  return false
}

const weakTls: ReadonlySet<string> = new Set(['TLS1_0', 'TLS1_1'])

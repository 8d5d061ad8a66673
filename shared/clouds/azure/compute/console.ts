import type { AzureClient } from '#shared/clouds/azure/client.ts'

/** A serial log grows for as long as the VM lives; its end is what tells whether it came up. */
const mostBytes = 1024 * 1024

/** The end of a VM's serial log; undefined while the guest has printed nothing. */
export async function tailOf(client: AzureClient, logUrl: string): Promise<string | undefined> {
  const blob = await client.blob(logUrl)
  const properties = await client.find('Blob_GetProperties', () => blob.getProperties())
  const sizeBytes = properties?.contentLength ?? 0
  if (sizeBytes === 0) return undefined
  const from = Math.max(0, sizeBytes - mostBytes)
  return client.find('Blob_Download', async () => {
    // The log may have grown in between; exactly what was measured is read.
    const tail = await blob.downloadToBuffer(from, sizeBytes - from)
    return tail.toString('utf8')
  })
}

import type { HttpClient } from '@azure/core-rest-pipeline'
import type { TokenCredential } from '@azure/identity'
import type { ContainerClient, PageBlobClient } from '@azure/storage-blob'
import type { AzureSettings } from '#shared/clouds/azure/settings.ts'

/** The data plane of storage; its SDK is loaded at the first use. */
export interface Blobs {
  /** A page blob behind an access signature. */
  blob(accessUrl: string): Promise<PageBlobClient>
  /** A container of a storage account, as the application itself: needs a role such as Storage Blob Data Contributor. */
  container(account: string, container: string): Promise<ContainerClient>
}

export function createBlobs(
  settings: AzureSettings,
  credential: TokenCredential,
  httpClient: HttpClient,
): Blobs {
  const open = async () => {
    const sdk = await import('@azure/storage-blob')
    const pipelineFor = (as: TokenCredential | InstanceType<typeof sdk.AnonymousCredential>) => {
      const pipeline = sdk.newPipeline(as, {
        userAgentOptions: { userAgentPrefix: settings.userAgent },
        retryOptions: { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 2000 },
      })
      // Its public `httpClient` option still means the interface of the SDK's previous generation, whose conversion loses the
      // request's identity; this is where the converted one would be kept. The conformance suite proves that it is used.
      return Object.assign(pipeline, { _coreHttpClient: httpClient })
    }
    return { sdk, signed: pipelineFor(new sdk.AnonymousCredential()), known: pipelineFor(credential) }
  }
  let opening: ReturnType<typeof open> | undefined

  return {
    async blob(accessUrl) {
      const { sdk, signed } = await (opening ??= open())
      return new sdk.PageBlobClient(accessUrl, signed)
    },
    async container(account, container) {
      const { sdk, known } = await (opening ??= open())
      return new sdk.ContainerClient(`${blobUrlOf(settings, account)}/${container}`, known)
    },
  }
}

/** Where an account's blobs are, without a slash at the end. */
export const blobUrlOf = ({ storageUrl }: AzureSettings, account: string): string =>
  storageUrl.replace('{account}', account)

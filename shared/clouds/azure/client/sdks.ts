import type { ComputeManagementClient } from '@azure/arm-compute'
import type { MonitorClient } from '@azure/arm-monitor'
import type { NetworkManagementClient } from '@azure/arm-network'
import type { ResourceManagementClient } from '@azure/arm-resources'
import type { StorageManagementClient } from '@azure/arm-storage'
import type { HttpClient, PipelinePolicy } from '@azure/core-rest-pipeline'
import type { TokenCredential } from '@azure/identity'
import { lazily } from '#shared/clouds/azure/client/lazy.ts'
import type { AzureSettings } from '#shared/clouds/azure/settings.ts'
import { beforeCall } from '#shared/clouds/scope.ts'

/** The management SDKs, each loaded at its first call. */
export interface Sdks {
  readonly compute: ComputeManagementClient
  readonly network: NetworkManagementClient
  readonly storage: StorageManagementClient
  readonly monitor: MonitorClient
  readonly resources: ResourceManagementClient
}

/** Before the token is asked for; the transport asks again in the last moment, on every attempt. */
export const guardPolicy: PipelinePolicy = {
  name: 'novacronGuardPolicy',
  sendRequest(request, next) {
    beforeCall()
    return next(request)
  },
}

/** Of passing trouble; throttling is the watch's. */
export const retryOptions = { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 2000 }

/** @param httpClient what their requests to Azure Resource Manager go through. */
export function createSdks(
  settings: AzureSettings,
  credential: TokenCredential,
  httpClient: HttpClient,
): Sdks {
  const { subscriptionId } = settings
  const options = {
    endpoint: settings.managementUrl,
    credentials: { scopes: [settings.tokenScope] },
    userAgentOptions: { userAgentPrefix: settings.userAgent },
    retryOptions,
    httpClient,
    additionalPolicies: [{ policy: guardPolicy, position: 'perCall' as const }],
  }
  return {
    compute: lazily(async () => {
      const { ComputeManagementClient } = await import('@azure/arm-compute')
      return new ComputeManagementClient(credential, subscriptionId, options)
    }),
    network: lazily(async () => {
      const { NetworkManagementClient } = await import('@azure/arm-network')
      return new NetworkManagementClient(credential, subscriptionId, options)
    }),
    storage: lazily(async () => {
      const { StorageManagementClient } = await import('@azure/arm-storage')
      return new StorageManagementClient(credential, subscriptionId, options)
    }),
    monitor: lazily(async () => {
      const { MonitorClient } = await import('@azure/arm-monitor')
      return new MonitorClient(credential, subscriptionId, options)
    }),
    resources: lazily(async () => {
      const { ResourceManagementClient } = await import('@azure/arm-resources')
      return new ResourceManagementClient(credential, subscriptionId, options)
    }),
  }
}

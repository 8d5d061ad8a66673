import type { Cloud, CloudSettings, CloudType } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/** Opens the adapter of a cloud. Its SDK is loaded here, at the first use, and nowhere else. */
export async function openCloud(settings: CloudSettings): Promise<Cloud> {
  const open = adapters[settings.type]
  if (open) return open(settings)
  throw new CloudError(`No adapter for cloud type "${settings.type}" yet.`, {
    cloud: settings.type,
    operation: 'open',
    code: 'unsupported',
    remedy: `Use one of: ${supportedClouds.join(', ')}.`,
  })
}

const adapters: Partial<Record<CloudType, (settings: CloudSettings) => Promise<Cloud>>> = {
  aws: async (settings) => (await import('#shared/clouds/aws/aws.ts')).openAws(settings),
  azure: async (settings) => (await import('#shared/clouds/azure/azure.ts')).openAzure(settings),
  gcp: async (settings) => (await import('#shared/clouds/gcp/gcp.ts')).openGcp(settings),
  'on-premise': async (settings) => (await import('#shared/clouds/onprem/onprem.ts')).openOnPremise(settings),
}

/** Cloud types that have an adapter. */
export const supportedClouds = Object.keys(adapters) as CloudType[]

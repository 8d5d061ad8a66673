import type { ServiceQuota } from '@aws-sdk/client-service-quotas'
import type { Quota, QuotasFacet } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { present } from '#shared/clouds/aws/mapping.ts'
import { pages } from '#shared/clouds/aws/paging.ts'
import { knownQuotas } from '#shared/clouds/aws/quotas/known.ts'
import { countedUsage, measuredUsage } from '#shared/clouds/aws/quotas/usage.ts'

/** Quotas of EC2, EBS and VPC as they apply to the account, with usage where it is measured or can be counted. */
export const createQuotas = (aws: AwsClients): QuotasFacet => ({
  async list(region) {
    const quotas: ServiceQuota[] = []
    for (const service of services) quotas.push(...(await quotasOf(aws, region, service)))
    const [measured, counted] = await Promise.all([
      measuredUsage(aws, region, quotas),
      countedUsage(aws, region),
    ])
    return quotas.flatMap((quota) => toQuota(quota, region, measured, counted) ?? [])
  },
})

const services = ['ec2', 'ebs', 'vpc']

async function quotasOf(aws: AwsClients, region: string, ServiceCode: string): Promise<ServiceQuota[]> {
  const found: ServiceQuota[] = []
  const all = pages((token) =>
    aws.serviceQuotas(region, 'ListServiceQuotas', (quotas, http) =>
      quotas.listServiceQuotas({ ServiceCode, MaxResults: 100, ...token }, http),
    ),
  )
  for await (const { Quotas = [] } of all) found.push(...Quotas)
  return found
}

function toQuota(
  { QuotaCode, QuotaName, ServiceCode = '', Value, Unit }: ServiceQuota,
  region: string,
  measured: ReadonlyMap<string, number>,
  counted: Readonly<Record<string, number>>,
): Quota | undefined {
  if (QuotaCode === undefined || Value === undefined) return undefined
  const known = knownQuotas[QuotaCode]
  const used = measured.get(QuotaCode) ?? (known?.counted === undefined ? undefined : counted[known.counted])
  return {
    id: `${ServiceCode}/${QuotaCode}`,
    name: QuotaName ?? QuotaCode,
    region,
    limit: Value * (known?.factor ?? 1),
    unit: known?.unit ?? (Unit === undefined || Unit === 'None' ? 'count' : Unit),
    ...present('kind', known?.kind),
    ...present('family', known?.family),
    ...present('used', used),
  }
}

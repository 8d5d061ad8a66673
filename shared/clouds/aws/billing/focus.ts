import type { FocusRow } from '#shared/clouds/port.ts'

/** Service categories of FOCUS 1.2 by what Cost Explorer calls AWS's services; first match wins. */
const categories: readonly [RegExp, string][] = [
  [/Elastic Compute Cloud|^EC2 - Other|Lambda|Lightsail|Batch|App Runner/i, 'Compute'],
  [/Container|Kubernetes/i, 'Compute'],
  [/Simple Storage|Elastic File|FSx|Glacier|Backup|Storage Gateway/i, 'Storage'],
  [/Relational Database|DynamoDB|ElastiCache|Redshift|DocumentDB|Neptune|Aurora|MemoryDB/i, 'Databases'],
  [
    /Virtual Private Cloud|CloudFront|Route 53|Direct Connect|Load Balancing|Global Accelerator|Data Transfer|API Gateway/i,
    'Networking',
  ],
  [/Key Management|GuardDuty|WAF|Shield|Secrets Manager|Security Hub|Inspector|Macie/i, 'Security'],
  [/Cognito|Identity|Directory Service/i, 'Identity'],
  [
    /CloudWatch|CloudTrail|Config|Systems Manager|CloudFormation|Cost Explorer|Support/i,
    'Management and Governance',
  ],
  [/SageMaker|Bedrock|Rekognition|Comprehend|Textract/i, 'AI and Machine Learning'],
  [/Athena|Glue|Kinesis|EMR|QuickSight|OpenSearch/i, 'Analytics'],
  [/Simple Queue|Simple Notification|EventBridge|Step Functions|MQ/i, 'Integration'],
]

export const categoryOf = (service: string, usageType = ''): string =>
  /EBS:|VolumeUsage|SnapshotUsage/.test(usageType)
    ? 'Storage'
    : /DataTransfer|NatGateway|ElasticIP|PublicIPv4/.test(usageType)
      ? 'Networking'
      : (categories.find(([pattern]) => pattern.test(service))?.[1] ?? 'Other')

/** The region of a usage type by its prefix; none is us-east-1: Cost and Usage Report documentation, region codes. */
export function regionOfUsage(usageType: string): string | undefined {
  const prefix = /^([A-Z]{2,4}\d{0,2})-/.exec(usageType)?.[1]
  if (prefix !== undefined && prefix in usageRegions) return usageRegions[prefix]
  return /^(BoxUsage|SpotUsage|EBS:|EBSOptimized|DataTransfer|ElasticIP|NatGateway|TimedStorage|Requests|CW:|Lambda|DedicatedUsage)/.test(
    usageType,
  )
    ? 'us-east-1'
    : undefined
}

/** The first day of the month of a day, and of the next month. */
export function billingPeriod(day: Date): Pick<FocusRow, 'BillingPeriodStart' | 'BillingPeriodEnd'> {
  const [year, month] = [day.getUTCFullYear(), day.getUTCMonth()]
  return {
    BillingPeriodStart: new Date(Date.UTC(year, month, 1)),
    BillingPeriodEnd: new Date(Date.UTC(year, month + 1, 1)),
  }
}

/** Who provides, publishes and invoices. */
export const parties = {
  ProviderName: 'AWS',
  PublisherName: 'AWS',
  InvoiceIssuerName: 'Amazon Web Services, Inc.',
} as const

const usageRegions: Readonly<Record<string, string>> = {
  USE1: 'us-east-1',
  USE2: 'us-east-2',
  USW1: 'us-west-1',
  USW2: 'us-west-2',
  CAN1: 'ca-central-1',
  CAN2: 'ca-west-1',
  EU: 'eu-west-1',
  EUW1: 'eu-west-1',
  EUW2: 'eu-west-2',
  EUW3: 'eu-west-3',
  EUC1: 'eu-central-1',
  EUC2: 'eu-central-2',
  EUN1: 'eu-north-1',
  EUS1: 'eu-south-1',
  EUS2: 'eu-south-2',
  APE1: 'ap-east-1',
  APN1: 'ap-northeast-1',
  APN2: 'ap-northeast-2',
  APN3: 'ap-northeast-3',
  APS1: 'ap-southeast-1',
  APS2: 'ap-southeast-2',
  APS3: 'ap-south-1',
  APS4: 'ap-southeast-3',
  APS5: 'ap-south-2',
  APS6: 'ap-southeast-4',
  SAE1: 'sa-east-1',
  MES1: 'me-south-1',
  MEC1: 'me-central-1',
  AFS1: 'af-south-1',
  ILC1: 'il-central-1',
}

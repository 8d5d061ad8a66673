import type { LifecycleRule as VendorRule, Transition } from '@aws-sdk/client-s3'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { unlessAbsent } from '#shared/clouds/aws/parallel.ts'
import type { CloudRef, LifecycleRule } from '#shared/clouds/port.ts'

/** Makes a bucket's rules exactly these. S3 takes no empty list: without rules it has no lifecycle configuration. */
export async function setLifecycle(
  aws: AwsClients,
  { region, id: Bucket }: CloudRef,
  rules: readonly LifecycleRule[],
): Promise<void> {
  if (rules.length === 0) {
    await aws.s3(region, 'DeleteBucketLifecycle', (s3, http) => s3.deleteBucketLifecycle({ Bucket }, http))
    return
  }
  const LifecycleConfiguration = { Rules: rules.map(toVendorRule) }
  await aws.s3(region, 'PutBucketLifecycleConfiguration', (s3, http) =>
    s3.putBucketLifecycleConfiguration({ Bucket, LifecycleConfiguration }, http),
  )
}

/** A bucket's rules, as far as they are of our kind: by prefix and by age in days. Disabled ones are left out. */
export async function getLifecycle(
  aws: AwsClients,
  { region, id: Bucket }: CloudRef,
): Promise<LifecycleRule[]> {
  const found = await unlessAbsent(
    aws.s3(region, 'GetBucketLifecycleConfiguration', (s3, http) =>
      s3.getBucketLifecycleConfiguration({ Bucket }, http),
    ),
  )
  return (found?.Rules ?? []).flatMap(fromVendorRule)
}

/** Storage classes: read rarely is STANDARD_IA, hardly ever read is S3 Glacier Flexible Retrieval. */
const toVendorRule = (rule: LifecycleRule): VendorRule => ({
  ID: rule.id,
  Status: 'Enabled',
  Filter: { Prefix: rule.prefix },
  ...(rule.coolAfterDays === undefined && rule.archiveAfterDays === undefined
    ? {}
    : { Transitions: transitionsOf(rule) }),
  ...(rule.expireAfterDays === undefined ? {} : { Expiration: { Days: rule.expireAfterDays } }),
})

const transitionsOf = ({ coolAfterDays, archiveAfterDays }: LifecycleRule): Transition[] => [
  ...(coolAfterDays === undefined ? [] : [{ Days: coolAfterDays, StorageClass: 'STANDARD_IA' as const }]),
  ...(archiveAfterDays === undefined ? [] : [{ Days: archiveAfterDays, StorageClass: 'GLACIER' as const }]),
]

function fromVendorRule({
  ID = '',
  Status,
  Filter,
  Transitions = [],
  Expiration,
  Prefix,
}: VendorRule): LifecycleRule[] {
  // Rules by tag or size say less about an object than a prefix would claim.
  if (Status !== 'Enabled' || Filter?.And !== undefined || Filter?.Tag !== undefined) return []
  const cool = daysUntil(Transitions, ['STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR'])
  const archive = daysUntil(Transitions, ['GLACIER', 'DEEP_ARCHIVE'])
  const expire = Expiration?.Days
  return [
    {
      id: ID,
      prefix: Filter?.Prefix ?? Prefix ?? '',
      ...(cool === undefined ? {} : { coolAfterDays: cool }),
      ...(archive === undefined ? {} : { archiveAfterDays: archive }),
      ...(expire === undefined ? {} : { expireAfterDays: expire }),
    },
  ]
}

const daysUntil = (transitions: readonly Transition[], classes: readonly string[]): number | undefined =>
  transitions.find(({ StorageClass = '' }) => classes.includes(StorageClass))?.Days

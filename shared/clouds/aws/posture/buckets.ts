import { z } from 'zod'
import type { CloudRef, PostureResource } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { mapParallel, unlessAbsent } from '#shared/clouds/aws/parallel.ts'
import { createKeyLookup } from '#shared/clouds/aws/posture/keys.ts'
import { listBuckets } from '#shared/clouds/aws/s3/describe-bucket.ts'

/** Buckets as checks read them. */
export async function* bucketPosture(aws: AwsClients, region: string): AsyncGenerator<PostureResource> {
  const isCustomerKey = createKeyLookup(aws, region)
  yield* mapParallel(listBuckets(aws, region), 4, async (bucket): Promise<PostureResource> => {
    const [logging, tlsOnly, customerKey] = await Promise.all([
      isLogged(aws, bucket),
      demandsTls(aws, bucket),
      isCustomerKey(bucket.keyId),
    ])
    const { id, name, tags, encrypted, access, versioning } = bucket
    return {
      kind: 'bucket',
      region,
      id,
      name,
      tags,
      encrypted,
      customerKey,
      access,
      versioning,
      logging,
      tlsOnly,
    }
  })
}

async function isLogged(aws: AwsClients, { region, id: Bucket }: CloudRef): Promise<boolean> {
  const found = await unlessAbsent(
    aws.s3(region, 'GetBucketLogging', (s3, http) => s3.getBucketLogging({ Bucket }, http)),
  )
  return found?.LoggingEnabled !== undefined
}

/** Does its policy deny everybody everything that does not come over TLS? */
async function demandsTls(aws: AwsClients, { region, id: Bucket }: CloudRef): Promise<boolean> {
  const found = await unlessAbsent(
    aws.s3(region, 'GetBucketPolicy', (s3, http) => s3.getBucketPolicy({ Bucket }, http)),
  )
  if (found?.Policy === undefined) return false
  const policy = policyShape.safeParse(JSON.parse(found.Policy))
  if (!policy.success) return false
  const statements = [policy.data.Statement].flat()
  return statements.some(
    ({ Effect, Principal, Action, Condition }) =>
      Effect === 'Deny' &&
      /"\*"/.test(JSON.stringify(Principal)) &&
      [Action].flat().some((action) => action === 's3:*' || action === '*') &&
      String(Condition?.['Bool']?.['aws:SecureTransport']) === 'false',
  )
}

const statement = z.object({
  Effect: z.string(),
  Principal: z.unknown().optional(),
  Action: z.union([z.string(), z.array(z.string())]).optional(),
  Condition: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
})
const policyShape = z.object({ Statement: z.union([statement, z.array(statement)]) })

import { z } from 'zod'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { bucketOf, empty, xmlReply, type S3Call, type S3Operation } from '#test/clouds/aws/s3/call.ts'
import { ownerId } from '#test/clouds/aws/s3/buckets.ts'
import { element, flag, many, maybe, one, readXml, whole } from '#test/clouds/aws/s3/xml.ts'

const encryption = element({
  Rule: many(
    element({
      ApplyServerSideEncryptionByDefault: one(
        element({
          SSEAlgorithm: one(z.enum(['AES256', 'aws:kms', 'aws:kms:dsse'])),
          KMSMasterKeyID: maybe(z.string()),
        }),
      ),
      BucketKeyEnabled: maybe(flag),
    }),
  ).length(1),
})

const publicAccess = element({
  BlockPublicAcls: maybe(flag),
  IgnorePublicAcls: maybe(flag),
  BlockPublicPolicy: maybe(flag),
  RestrictPublicBuckets: maybe(flag),
})

const transition = element({
  Days: one(whole),
  StorageClass: one(
    z.enum(['STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING', 'GLACIER', 'GLACIER_IR', 'DEEP_ARCHIVE']),
  ),
})
const lifecycle = element({
  Rule: many(
    element({
      ID: maybe(z.string().max(255)),
      Status: one(z.enum(['Enabled', 'Disabled'])),
      Filter: one(z.union([element({ Prefix: maybe(z.string()) }), z.literal('')])),
      Transition: many(transition).optional(),
      Expiration: maybe(element({ Days: one(whole) })),
    }),
  ).max(1000),
})

const logging = element({
  LoggingEnabled: maybe(element({ TargetBucket: one(z.string()), TargetPrefix: one(z.string()) })),
})

/** The configurations that are put and got as documents. */
export const settingOperations: Readonly<Record<string, S3Operation>> = {
  ...pair('BucketEncryption', 'encryption', 'ServerSideEncryptionConfiguration', encryption),
  ...pair(
    'PublicAccessBlock',
    'publicAccessBlock',
    'PublicAccessBlockConfiguration',
    publicAccess,
    'NoSuchPublicAccessBlockConfiguration',
  ),
  ...pair(
    'BucketLifecycleConfiguration',
    'lifecycle',
    'LifecycleConfiguration',
    lifecycle,
    'NoSuchLifecycleConfiguration',
    checkLifecycle,
  ),
  ...pair(
    'BucketVersioning',
    'versioning',
    'VersioningConfiguration',
    element({ Status: one(z.enum(['Enabled', 'Suspended'])) }),
    '',
  ),
  ...pair('BucketLogging', 'logging', 'BucketLoggingStatus', logging, ''),

  DeletePublicAccessBlock: remover('publicAccessBlock'),
  DeleteBucketLifecycle: remover('lifecycle'),
  DeleteBucketPolicy: remover('policy'),

  PutBucketPolicy: {
    method: 'PUT',
    on: 'bucket',
    sub: 'policy',
    run(call) {
      const bucket = bucketOf(call)
      const text = call.body.toString()
      const blocked = /<BlockPublicPolicy>true/.test(bucket.settings.get('publicAccessBlock') ?? '')
      if (statementsOf(text).some(isPublic) && blocked)
        throw new Refusal('AccessDenied', 'public policies are blocked by the BlockPublicPolicy setting')
      bucket.settings.set('policy', text)
      return empty(204)
    },
  },
  GetBucketPolicy: {
    method: 'GET',
    on: 'bucket',
    sub: 'policy',
    run: (call) => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: policyOf(call),
    }),
  },
  GetBucketPolicyStatus: {
    method: 'GET',
    on: 'bucket',
    sub: 'policyStatus',
    run: (call) => xmlReply('PolicyStatus', { IsPublic: statementsOf(policyOf(call)).some(isPublic) }),
  },

  GetBucketAcl: {
    method: 'GET',
    on: 'bucket',
    sub: 'acl',
    run(call) {
      bucketOf(call)
      return xmlReply('AccessControlPolicy', { Owner: { ID: ownerId } })
    },
  },
}

function pair(
  name: string,
  sub: string,
  root: string,
  shape: z.ZodType,
  absent?: string,
  check?: (document: never) => void,
): Record<string, S3Operation> {
  return {
    [`Put${name}`]: {
      method: 'PUT',
      on: 'bucket',
      sub,
      run(call) {
        const bucket = bucketOf(call)
        const read = readXml(call.body, root, shape)
        check?.(read as never)
        bucket.settings.set(sub, call.body.toString().replace(/^<\?xml[^>]*\?>\s*/, ''))
        return empty()
      },
    },
    [`Get${name}`]: {
      method: 'GET',
      on: 'bucket',
      sub,
      run(call) {
        const text = bucketOf(call).settings.get(sub)
        if (text === undefined && absent === '') return xmlReply(root, {})
        if (text === undefined)
          throw new Refusal(
            absent ?? 'ServerSideEncryptionConfigurationNotFoundError',
            `There is no ${sub} configuration`,
          )
        return { status: 200, headers: { 'content-type': 'application/xml' }, body: text }
      },
    },
  }
}

function remover(sub: string): S3Operation {
  return {
    method: 'DELETE',
    on: 'bucket',
    sub,
    run(call) {
      bucketOf(call).settings.delete(sub)
      return empty(204)
    },
  }
}

/** "Lifecycle configuration elements": 30 days before infrequent access, and each colder class later than the one before. */
function checkLifecycle({ Rule }: z.output<typeof lifecycle>): void {
  const ids = Rule.map(({ ID }) => ID)
  if (new Set(ids).size < ids.length)
    throw new Refusal('InvalidArgument', 'RuleId must be unique. Found same ID for more than one rule')
  for (const { Transition = [], Expiration } of Rule) {
    const sorted = Transition.toSorted((a, b) => a.Days - b.Days)
    for (const [index, { Days, StorageClass }] of sorted.entries()) {
      const before = sorted[index - 1]
      if (StorageClass.endsWith('_IA') && Days < 30)
        throw new Refusal(
          'InvalidArgument',
          `'Days' in Transition action must be greater than or equal to 30 for storageClass '${StorageClass}'`,
        )
      if (before && Days - before.Days < 30)
        throw new Refusal(
          'InvalidArgument',
          `'Days' in the 'Transition' action for StorageClass '${StorageClass}' must be 30 days more than '${before.StorageClass}'`,
        )
    }
    const last = sorted.at(-1)
    if (Expiration && (Expiration.Days < 1 || (last && Expiration.Days <= last.Days)))
      throw new Refusal(
        'InvalidArgument',
        "'Days' in the Expiration action must be greater than 'Days' in the Transition action",
      )
  }
}

interface Statement {
  Effect?: string
  Principal?: unknown
  Condition?: unknown
}

function statementsOf(text: string): Statement[] {
  try {
    const { Statement: found = [] } = JSON.parse(text) as { Statement?: Statement | Statement[] }
    return Array.isArray(found) ? found : [found]
  } catch {
    throw new Refusal('MalformedPolicy', 'This policy contains invalid Json')
  }
}

const isPublic = ({ Effect, Principal, Condition }: Statement): boolean =>
  Effect === 'Allow' && Condition === undefined && /^("\*"|\{"AWS":"\*"\})$/.test(JSON.stringify(Principal))

function policyOf(call: S3Call): string {
  const text = bucketOf(call).settings.get('policy')
  if (text === undefined) throw new Refusal('NoSuchBucketPolicy', 'The bucket policy does not exist')
  return text
}

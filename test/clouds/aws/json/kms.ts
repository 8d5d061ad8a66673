import { z } from 'zod'
import { operation, type JsonService } from '#test/clouds/aws/json/service.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'

/** KMS: whose key is it? The one that EBS and S3 take by themselves is AWS's; every other key here is the customer's. */
export const kms: JsonService = {
  name: 'kms',
  target: 'TrentService',
  version: '1.1',
  invalid: 'ValidationException',
  operations: {
    DescribeKey: operation(
      z.strictObject({ KeyId: z.string().min(1).max(2048), GrantTokens: z.array(z.string()).optional() }),
      ({ KeyId }, { world, region }) => {
        const id = KeyId.replace(/^.*(?:key|alias)\//, '')
        const awsManaged = id.startsWith('aws/') || KeyId === awsManagedKey(region.name, world.accountId)
        if (!awsManaged && !/^[\w-]+$/.test(id))
          throw new Refusal('NotFoundException', `Key '${KeyId}' does not exist`)
        const Arn = awsManaged
          ? awsManagedKey(region.name, world.accountId)
          : `arn:aws:kms:${region.name}:${world.accountId}:key/${id}`
        return {
          KeyMetadata: {
            AWSAccountId: world.accountId,
            KeyId: Arn.replace(/^.*\//, ''),
            Arn,
            Enabled: true,
            KeyManager: awsManaged ? 'AWS' : 'CUSTOMER',
            KeyState: 'Enabled',
          },
        }
      },
    ),
  },
}

/** The ARN of `alias/aws/ebs`. */
export const awsManagedKey = (region: string, accountId: string): string =>
  `arn:aws:kms:${region}:${accountId}:key/11111111-2222-3333-4444-555555555555`

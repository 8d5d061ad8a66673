import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { callerIdentity } from '#shared/clouds/aws/identity/identity.ts'

/** The ARN of a KMS key: EBS direct takes nothing else, EC2 takes ids and aliases too. A key that is named by its id is one of this account. */
export async function keyArn(aws: AwsClients, region: string, keyId: string): Promise<string> {
  if (keyId.startsWith('arn:')) return keyId
  const { accountId } = await callerIdentity(aws)
  const partition = region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
  const resource = keyId.startsWith('alias/') ? keyId : `key/${keyId}`
  return `arn:${partition}:kms:${region}:${accountId}:${resource}`
}

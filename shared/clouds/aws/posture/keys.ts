import type { AwsClients } from '#shared/clouds/aws/clients.ts'

/** Tells customers' own KMS keys from those that AWS keeps; asks for each key once. */
export function createKeyLookup(
  aws: AwsClients,
  region: string,
): (keyId: string | undefined) => Promise<boolean> {
  const known = new Map<string, Promise<boolean>>()
  return async (keyId) => {
    if (keyId === undefined) return false
    const answer = known.get(keyId) ?? isCustomers(aws, region, keyId)
    known.set(keyId, answer)
    return answer
  }
}

async function isCustomers(aws: AwsClients, region: string, KeyId: string): Promise<boolean> {
  if (/alias\/aws\//.test(KeyId)) return false
  const { KeyMetadata } = await aws.kms(region, 'DescribeKey', (kms, http) =>
    kms.describeKey({ KeyId }, http),
  )
  return KeyMetadata?.KeyManager === 'CUSTOMER'
}

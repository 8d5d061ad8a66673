import type { HealthFacet } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { callerIdentity } from '#shared/clouds/aws/identity/identity.ts'

/** Health of the account's control planes, from the calls that this process made. */
export const createHealth = (aws: AwsClients): HealthFacet => ({
  report: aws.report,
  async probe() {
    await callerIdentity(aws).catch((error: unknown) => {
      if (!(error instanceof CloudError)) throw error
    })
    return aws.report()
  },
})

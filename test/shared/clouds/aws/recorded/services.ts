import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

/** Responses of the services beside EC2. */
export const serviceCases: RecordedCase[] = [
  {
    title: 'who calls',
    source: 'https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html',
    replies: ['get-caller-identity.xml'],
    call: (cloud) => cloud.identity.validate(),
    gives: { accountId: '123456789012', principal: 'arn:aws:iam::123456789012:user/Alice' },
  },
]

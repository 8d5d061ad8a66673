import type { RecordedCase } from '#test/shared/clouds/recorded.ts'
import { figureCases } from '#test/shared/clouds/aws/recorded/figures.ts'
import { imageCases } from '#test/shared/clouds/aws/recorded/images.ts'
import { objectCases } from '#test/shared/clouds/aws/recorded/objects.ts'

/** Responses of the services beside EC2. */
export const serviceCases: RecordedCase[] = [
  {
    title: 'who calls',
    source: 'https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html',
    replies: ['get-caller-identity.xml'],
    call: (cloud) => cloud.identity.validate(),
    gives: { accountId: '123456789012', principal: 'arn:aws:iam::123456789012:user/Alice' },
  },
  {
    title: 'a session that is over',
    source: 'https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html',
    replies: ['sts-error-expired.http'],
    call: (cloud) => cloud.identity.validate(),
    throws: {
      code: 'auth_failed',
      kind: 'permanent',
      vendorCode: 'ExpiredToken',
      requestId: 'c6104cbe-af31-11e0-8154-cbc7ccf896c7',
    },
  },
  ...objectCases,
  ...imageCases,
  ...figureCases,
]

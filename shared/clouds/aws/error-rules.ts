import type { ErrorFacts } from '#shared/errors.ts'

/** What a vendor's error is to us. `says` replaces the vendor's words where they do not help. */
export type Facts = ErrorFacts & { says?: string }

export interface Found {
  text: string
  retryAfterMs: number | undefined
}

/** What an error means, by its code, else by its HTTP status. */
export function meaningOf({
  errorCode,
  operation,
  status,
  ...found
}: Found & { errorCode: string; operation: string; status: number | undefined }): Facts {
  const rule = rules.find(({ matches, only }) => matches.test(errorCode) && (only?.test(operation) ?? true))
  return (rule?.facts ?? byStatus(status))(found)
}

interface Rule {
  matches: RegExp
  /** Operations in which the code means this, if it means something else in others. */
  only?: RegExp
  facts: (found: Found) => Facts
}

const always = (facts: Facts) => () => facts

const throttled = ({ retryAfterMs }: Found): Facts => ({
  code: 'throttled',
  kind: 'throttled',
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  remedy: 'Nothing to do: it is tried again. If it lasts, lower the concurrency of this account.',
})

/** First match wins. */
const rules: Rule[] = [
  {
    matches:
      /^(RequestLimitExceeded|Throttl\w*|RequestThrottled\w*|EC2ThrottledException|TooManyRequestsException|SlowDown|ConcurrentLimitExceededException|SnapshotCreationPerVolumeRateExceeded|ConcurrentSnapshotLimitExceeded)$/,
    facts: throttled,
  },
  // Cost Explorer means the rate of calls by it.
  { matches: /^LimitExceeded(Exception)?$/, only: /^GetCost/, facts: throttled },
  {
    matches:
      /^(InsufficientInstanceCapacity|InsufficientHostCapacity|InsufficientCapacity|InsufficientFreeAddressesInSubnet|Unsupported)$/,
    facts: always({
      code: 'capacity',
      kind: 'capacity',
      scope: 'zone',
      remedy: 'Try another zone or another instance type, or the same one later.',
    }),
  },
  {
    matches: /^(Tag|Filter)LimitExceeded$/,
    facts: always({ code: 'invalid_request', remedy: 'Give fewer of what the message names.' }),
  },
  {
    matches:
      /^(\w*LimitExceeded(Exception)?|ServiceQuotaExceededException|\w*QuotaExceeded|TooManyBuckets|MaxSpotInstanceCountExceeded)$/,
    facts: always({
      code: 'quota_exceeded',
      kind: 'capacity',
      scope: 'region',
      remedy:
        'Free what is no longer needed, use another region, or ask AWS for a higher quota (Service Quotas).',
    }),
  },
  {
    matches:
      /^(AuthFailure|InvalidClientTokenId|InvalidAccessKeyId|InvalidToken|RegionDisabledException|NotSignedUp|SignatureDoesNotMatch|InvalidSignatureException|UnrecognizedClientException|MissingAuthenticationToken|IncompleteSignature|OptInRequired|PendingVerification|Blocked)$/,
    facts: always({
      code: 'auth_failed',
      remedy:
        'Check the access key id and the secret of this provider, and that the account may use the region.',
    }),
  },
  {
    matches: /^(ExpiredToken\w*|RequestExpired|RequestTimeTooSkewed)$/,
    facts: always({
      code: 'auth_failed',
      remedy:
        'The session token has expired or this machine’s clock is off: renew the credentials, set the clock.',
    }),
  },
  {
    matches: /^(UnauthorizedOperation|AccessDenied(Exception)?|AllAccessDisabled|AccountProblem)$/,
    facts: always({
      code: 'forbidden',
      remedy: 'Grant this provider’s IAM identity the action named in the message.',
    }),
  },
  {
    matches:
      /(\.NotFound|\.Unavailable|^ResourceNotFoundException|^NotFound(Exception)?|^NoSuch\w+|ConfigurationNotFound(Error)?)$/,
    facts: always({
      code: 'not_found',
      kind: 'permanent',
      remedy:
        'Check the id and the region; something created a moment ago may need some seconds to be known.',
    }),
  },
  {
    matches: /^BucketAlready(Exists|OwnedByYou)$/,
    facts: always({
      code: 'conflict',
      remedy:
        'Names of buckets are shared by all AWS accounts: choose another name, or use the bucket that is there.',
    }),
  },
  {
    matches: /^BucketNotEmpty$/,
    facts: always({
      code: 'conflict',
      remedy: 'Delete its objects first, all versions of them, or delete it with its objects.',
    }),
  },
  {
    matches: /^PreconditionFailed$/,
    facts: always({
      code: 'conflict',
      kind: 'retryable',
      remedy: 'The object was replaced while it was read: it is read again from the start.',
    }),
  },
  {
    matches: /^(BadDigest|XAmzContentSHA256Mismatch|XAmzContentChecksumMismatch|InvalidDigest)$/,
    facts: always({
      code: 'integrity',
      kind: 'retryable',
      remedy: 'The bytes were changed on the way; they are sent again.',
    }),
  },
  {
    matches:
      /^(PermanentRedirect|TemporaryRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException)$/,
    facts: always({ code: 'invalid_request', remedy: 'The bucket is in another region: name that one.' }),
  },
  {
    matches: /^(DataUnavailableException|BillExpirationException)$/,
    facts: always({
      code: 'unavailable',
      remedy:
        'Cost Explorer has no data for this: it must be enabled in the account (a day before), and keeps 14 months.',
    }),
  },
  {
    matches: /^RequestChangedException$/,
    facts: always({
      code: 'conflict',
      kind: 'retryable',
      remedy: 'The data changed between two pages: it is asked for again from the start.',
    }),
  },
  {
    matches: /^SpotMaxPriceTooLow$/,
    facts: always({
      code: 'capacity',
      kind: 'capacity',
      scope: 'zone',
      remedy: 'Raise the cap on the spot price, leave it out, or try another zone or instance type.',
    }),
  },
  {
    matches: /^UnsupportedHibernationConfiguration$/,
    facts: always({
      code: 'unsupported',
      remedy: 'Stop the VM instead, or use a type and an image that can hibernate, with encrypted disks.',
    }),
  },
  {
    matches:
      /^(InvalidSubnet\.Conflict|InvalidGroup\.Duplicate|InvalidPermission\.Duplicate|RouteAlreadyExists)$/,
    facts: always({
      code: 'conflict',
      kind: 'permanent',
      remedy: 'The name or the range is taken: choose another one, or use what is there.',
    }),
  },
  {
    matches: /^VolumeModificationRateExceeded$/,
    facts: always({
      code: 'conflict',
      kind: 'permanent',
      remedy: 'A volume takes four changes a day: wait until the first of them is a day old.',
    }),
  },
  {
    matches: /^(IdempotentParameterMismatch|InvalidAMIName\.Duplicate)$/,
    facts: always({
      code: 'conflict',
      remedy: 'The same token or name was used before for something else; start a new job.',
    }),
  },
  {
    matches:
      /^(IncorrectInstanceState|IncorrectState|IncorrectImageState|VolumeInUse|DependencyViolation|InvalidSnapshot\.InUse|InvalidIPAddress\.InUse|InvalidGroup\.InUse|IncorrectModificationState|Gateway\.NotAttached|Resource\.AlreadyAssociated|ConflictException|OperationAborted|InvalidBucketState|ResourceBusy|ResourceInUse\w*)$/,
    facts: ({ text }) => ({
      code: 'conflict',
      // A terminated VM never changes again; everything else may be free in a moment.
      kind: /terminat|shutting-down/i.test(text) ? 'permanent' : 'retryable',
      remedy:
        'It is in a state that does not allow this, or in use: wait for what is under way, or detach it first.',
    }),
  },
  {
    matches: /^InvalidParameter$/,
    only: /^ExportImage$/,
    facts: ({ text }) => ({
      code: 'invalid_request',
      remedy: /encrypted/i.test(text)
        ? 'AWS exports no image whose disks are encrypted: make one of a VM whose disks are not.'
        : 'Correct the value that the message names.',
    }),
  },
  {
    matches:
      /(\.Malformed|\.Duplicate|\.Invalid|\.Unknown|Mismatch)$|^(Invalid\w*|Missing\w*|Unknown\w*|Malformed\w*|Validation\w*|UnsupportedOperation|OperationNotPermitted|UnsupportedProtocol|IllegalArgument\w*|EntityToo\w+|KeyTooLong\w*|ExpiredNextToken\w*)/,
    facts: ({ text }) =>
      /checksum/i.test(text)
        ? {
            code: 'integrity',
            kind: 'retryable',
            remedy: 'The bytes were changed on the way; the block is sent again.',
          }
        : { code: 'invalid_request', remedy: 'Correct the value that the message names.' },
  },
  {
    matches:
      /^(Internal(Error|Failure|Server|Service)\w*|ServiceUnavailable\w*|ServiceException|KMSInternalException|DependencyTimeoutException|Unavailable|ServerInternal)$/,
    facts: always({ code: 'unavailable', kind: 'retryable', remedy: 'Nothing to do: it is tried again.' }),
  },
  {
    matches: /^(TimeoutError|RequestTimeout\w*|ETIMEDOUT|ESOCKETTIMEDOUT)$/,
    facts: always({
      says: 'no answer in time',
      code: 'timeout',
      kind: 'retryable',
      remedy:
        'It is tried again. If it lasts, check the way to the endpoint, or raise option request_timeout_ms.',
    }),
  },
  {
    matches:
      /^(UNABLE_TO_\w+|SELF_SIGNED\w+|DEPTH_ZERO\w+|CERT_\w+|ERR_TLS_\w+|ERR_SSL_\w+|EPROTO|HOSTNAME_MISMATCH|INVALID_CA)$/,
    facts: ({ text }) => ({
      says: `the endpoint’s TLS certificate is not trusted (${text})`,
      code: 'tls',
      remedy:
        'Put the PEM of the authority that signed it into option ca_pem of this provider, or correct the endpoint.',
    }),
  },
  {
    matches:
      /^(ECONN\w+|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR\w*|ERR_STREAM_PREMATURE_CLOSE)$/,
    facts: ({ text }) => ({
      says: `the endpoint could not be reached or cut the connection (${text})`,
      code: 'network',
      kind: 'retryable',
      remedy:
        'It is tried again. If it lasts, check name resolution, proxy and firewall on the way to the endpoint.',
    }),
  },
]

function byStatus(status: number | undefined): Rule['facts'] {
  if (status === 429) return throttled
  if (status !== undefined && status >= 500) {
    return always({ code: 'unavailable', kind: 'retryable', remedy: 'Nothing to do: it is tried again.' })
  }
  if (status === 401)
    return always({ code: 'auth_failed', remedy: 'Check the credentials of this provider.' })
  if (status === 403) return always({ code: 'forbidden', remedy: 'Grant this provider the action.' })
  return always({
    code: 'cloud_error',
    remedy: 'See the vendor’s code; its documentation says what it means.',
  })
}

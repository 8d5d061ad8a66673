/** A refusal in the vendor's terms; thrown by actions and written by the protocol they were called in. */
export class Refusal extends Error {
  readonly code: string
  readonly status: number
  /** EBS direct only. */
  readonly reason: string | undefined

  constructor(
    code: string,
    message: string,
    { status, reason }: { status?: number | undefined; reason?: string } = {},
  ) {
    super(message)
    this.code = code
    this.status = status ?? statuses[code] ?? 400
    this.reason = reason
  }
}

/** HTTP statuses other than 400. EC2 API Reference "Error codes"; EBS direct API model. */
const statuses: Record<string, number> = {
  AuthFailure: 401,
  SignatureDoesNotMatch: 403,
  UnauthorizedOperation: 403,
  DryRunOperation: 412,
  RequestLimitExceeded: 503,
  Unavailable: 503,
  ServiceUnavailable: 503,
  InternalError: 500,
  InternalFailure: 500,
  InsufficientInstanceCapacity: 500,
  AccessDeniedException: 403,
  UnrecognizedClientException: 403,
  InvalidSignatureException: 403,
  ConflictException: 409,
  InternalServerException: 500,
  ResourceNotFoundException: 404,
  ServiceQuotaExceededException: 402,
}

export const invalidValue = (message: string): Refusal => new Refusal('InvalidParameterValue', message)

/** EBS direct's ValidationException; reasons as in its model. */
export const invalidBlockRequest = (reason: string, message: string): Refusal =>
  new Refusal('ValidationException', message, { reason })

import type { PlainReply } from '#test/clouds/core/server.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import type { Refusal } from '#test/clouds/aws/refusal.ts'

/** One request to one of the services, read as far as the call log needs. */
export interface ServiceRequest {
  operation: string
  mutating: boolean
  resource: string | undefined
  answer(fault: Fault | undefined): Promise<PlainReply>
  refuse(refusal: Refusal, headers?: Record<string, string>): PlainReply
}

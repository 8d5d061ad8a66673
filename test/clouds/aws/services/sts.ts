import { randomUUID } from 'node:crypto'
import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import type { ServiceRequest } from '#test/clouds/aws/services/request.ts'
import { checkSignature, type Account } from '#test/clouds/aws/signature.ts'
import type { World } from '#test/clouds/aws/world.ts'

/** STS, query protocol, version 2011-06-15: who am I. */
export function readStsRequest(request: PlainRequest, world: World, account: Account): ServiceRequest {
  const requestId = randomUUID()
  const form = new URLSearchParams(request.body.toString())
  const operation = form.get('Action') ?? 'Unknown'
  const reply = (status: number, body: string, headers: Record<string, string> = {}): PlainReply => ({
    status,
    headers: { 'content-type': 'text/xml', 'x-amzn-requestid': requestId, ...headers },
    body,
  })
  const refuse = ({ status, code, message }: Refusal, headers: Record<string, string> = {}) =>
    reply(
      status,
      `<ErrorResponse xmlns="${namespace}"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
      headers,
    )
  return {
    operation,
    mutating: false,
    resource: undefined,
    refuse,
    async answer() {
      try {
        checkSignature(request, 'sts', account)
        if (operation !== 'GetCallerIdentity' || form.get('Version') !== '2011-06-15')
          throw new Refusal('InvalidAction', `Could not find operation ${operation}`)
        const unknown = [...form.keys()].find((name) => name !== 'Action' && name !== 'Version')
        if (unknown !== undefined) throw new Refusal('ValidationError', `Unknown parameter ${unknown}`)
        return reply(
          200,
          `<GetCallerIdentityResponse xmlns="${namespace}"><GetCallerIdentityResult><Arn>arn:aws:iam::${world.accountId}:user/novacron</Arn><UserId>AIDALOOPBACK0000000001</UserId><Account>${world.accountId}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></GetCallerIdentityResponse>`,
        )
      } catch (error) {
        if (error instanceof Refusal) return refuse(error)
        throw error
      }
    },
  }
}

const namespace = 'https://sts.amazonaws.com/doc/2011-06-15/'

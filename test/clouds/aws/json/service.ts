import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import type { ServiceRequest } from '#test/clouds/aws/services/request.ts'
import { checkSignature, type Account, type ServiceName } from '#test/clouds/aws/signature.ts'
import type { Region, World } from '#test/clouds/aws/world.ts'

export interface JsonScene {
  world: World
  region: Region
}

/** One operation of a service that speaks JSON. Its input is read strictly: what `shape` has not is refused. */
export interface JsonOperation {
  run(input: unknown, scene: JsonScene): object | Promise<object>
}

export interface JsonService {
  name: ServiceName
  /** What `x-amz-target` begins with. */
  target: string
  version: '1.0' | '1.1'
  /** The code that this service refuses a wrong parameter with. */
  invalid: string
  /** Regions that serve it; undefined is all. */
  regions?: readonly string[]
  operations: Readonly<Record<string, JsonOperation>>
}

export const operation = <T extends z.ZodType>(
  shape: T,
  run: (input: z.output<T>, scene: JsonScene) => object | Promise<object>,
): JsonOperation => ({ run: (input, scene) => run(shape.parse(input), scene) })

export function readJsonRequest(
  request: PlainRequest,
  world: World,
  account: Account,
  service: JsonService,
): ServiceRequest {
  const requestId = randomUUID()
  const [target, name = 'Unknown'] = (request.headers['x-amz-target'] ?? '').split('.')
  const type = `application/x-amz-json-${service.version}`
  const reply = (status: number, body: object, headers: Record<string, string> = {}): PlainReply => ({
    status,
    headers: { 'content-type': type, 'x-amzn-requestid': requestId, ...headers },
    body: JSON.stringify(body),
  })
  const refuse = ({ status, code, message }: Refusal, headers: Record<string, string> = {}) =>
    reply(status, { __type: `com.amazonaws.${service.name}#${code}`, message }, headers)

  return {
    operation: name,
    mutating: false,
    resource: undefined,
    refuse,
    async answer() {
      try {
        const { region: regionName } = checkSignature(request, service.name, account)
        const region = world.regions.get(regionName)
        if (!region || !(service.regions?.includes(regionName) ?? true))
          throw new Refusal('UnrecognizedClientException', `${service.name} is not served in ${regionName}`)
        const found = Object.hasOwn(service.operations, name) ? service.operations[name] : undefined
        if (target !== service.target || !found || request.headers['content-type'] !== type)
          throw new Refusal('UnknownOperationException', `No operation ${name} of ${type}`)
        return reply(200, await found.run(JSON.parse(request.body.toString() || '{}'), { world, region }))
      } catch (error) {
        if (error instanceof Refusal) return refuse(error)
        if (error instanceof z.ZodError) {
          const [issue] = error.issues
          return refuse(
            new Refusal(service.invalid, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`),
          )
        }
        throw error
      }
    },
  }
}

/** One page of a list; the token is bound to the listing, so that it continues only the one it came from. */
export function pageOf<T>(
  world: World,
  items: readonly T[],
  {
    listing,
    limit,
    token,
    invalid,
  }: { listing: unknown; limit: number; token: string | undefined; invalid: string },
): { page: T[]; next: string | undefined } {
  const text = JSON.stringify(listing)
  const plain = token === undefined ? `0|${text}` : world.unseal(token)
  if (!plain?.endsWith(`|${text}`))
    throw new Refusal(invalid, 'The pagination token is not valid or has expired')
  const from = Number(plain.slice(0, plain.indexOf('|')))
  const to = from + Math.min(limit, world.pageLimit)
  return { page: items.slice(from, to), next: to < items.length ? world.seal(`${to}|${text}`) : undefined }
}

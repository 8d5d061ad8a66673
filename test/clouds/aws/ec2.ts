import { randomUUID } from 'node:crypto'
import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import type { Action } from '#test/clouds/aws/action.ts'
import { machineActions } from '#test/clouds/aws/actions/machines.ts'
import { serviceActions } from '#test/clouds/aws/actions/services.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { parseQuery, type Node } from '#test/clouds/aws/shapes.ts'
import { checkSignature, type Account } from '#test/clouds/aws/signature.ts'
import { settle, type World } from '#test/clouds/aws/world.ts'
import { refusalXml, replyXml } from '#test/clouds/aws/xml.ts'

/** The EC2 query protocol, API version 2016-11-15: a form in, XML out. */
export interface Ec2Request {
  operation: string
  mutating: boolean
  resource: string | undefined
  answer(): Promise<PlainReply>
  refuse(refusal: Refusal, headers?: Record<string, string>): PlainReply
}

export function readEc2Request(request: PlainRequest, world: World, account: Account): Ec2Request {
  const requestId = randomUUID()
  const { Action: name, Version: version, ...parameters } = parseForm(request)
  const operation = typeof name === 'string' ? name : 'Unknown'
  const action = Object.hasOwn(actions, operation) ? actions[operation] : undefined

  const refuse = (refusal: Refusal, headers: Record<string, string> = {}): PlainReply => ({
    status: refusal.status,
    headers: { ...xmlHeaders, 'x-amzn-requestid': requestId, ...headers },
    body: refusalXml(refusal.code, refusal.message, requestId),
  })

  return {
    operation,
    mutating: action?.mutating ?? false,
    resource: resourceOf(parameters),
    refuse,
    async answer() {
      try {
        const { region: regionName } = checkSignature(request, 'ec2', account)
        const region = world.regions.get(regionName)
        if (!region) throw new Refusal('OptInRequired', `You are not subscribed to the region ${regionName}`)
        if (version !== '2016-11-15')
          throw new Refusal(
            'NoSuchVersion',
            `The requested version (${JSON.stringify(version)}) is not valid`,
          )
        if (!action)
          throw new Refusal('InvalidAction', `The action ${operation} is not valid for this web service.`)
        settle(region)
        const reply = await action.run(parameters, { world, region })
        const head = { ...xmlHeaders, 'x-amzn-requestid': requestId }
        return { status: 200, headers: head, body: replyXml(operation, requestId, reply) }
      } catch (error) {
        if (error instanceof Refusal) return refuse(error)
        throw error
      }
    },
  }
}

const xmlHeaders = { 'content-type': 'text/xml;charset=UTF-8' }

const actions: Readonly<Record<string, Action>> = { ...machineActions, ...serviceActions }

/** A form that cannot be read has no action, and is refused as such. */
function parseForm(request: PlainRequest): Record<string, Node> {
  try {
    return parseQuery(request.body.toString())
  } catch {
    return {}
  }
}

/** The first id in the request, for the call log. */
function resourceOf(parameters: Record<string, Node>): string | undefined {
  for (const name of resourceNames) {
    const value = parameters[name]
    if (typeof value === 'string') return value
    const first = value?.['1']
    if (typeof first === 'string') return first
  }
  return undefined
}

const resourceNames = [
  'InstanceId',
  'VolumeId',
  'SnapshotId',
  'ImageId',
  'GroupId',
  'AllocationId',
  'InternetGatewayId',
  'SubnetId',
  'VpcId',
  'NetworkInterfaceId',
  'ResourceId',
]

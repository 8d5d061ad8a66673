import { randomUUID } from 'node:crypto'
import type { Fault } from '#test/clouds/core/types.ts'
import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import { listChanges } from '#test/clouds/aws/ebs-changes.ts'
import { getBlock, listBlocks, putBlock } from '#test/clouds/aws/ebs-blocks.ts'
import { completeSnapshot, startSnapshot } from '#test/clouds/aws/ebs-imports.ts'
import { json, type EbsCall } from '#test/clouds/aws/ebs-call.ts'
import { Refusal, invalidBlockRequest } from '#test/clouds/aws/refusal.ts'
import { checkSignature, type Account } from '#test/clouds/aws/signature.ts'
import { settle, type World } from '#test/clouds/aws/world.ts'

export interface EbsRequest {
  operation: string
  mutating: boolean
  resource: string | undefined
  answer(fault: Fault | undefined): Promise<PlainReply>
  refuse(refusal: Refusal, headers?: Record<string, string>): PlainReply
}

export function readEbsRequest(request: PlainRequest, world: World, account: Account): EbsRequest {
  const path = request.url.pathname
  const route = routes.find(({ method, pattern }) => method === request.method && pattern.test(path))
  const { snapshot, block = '0' } = route?.pattern.exec(path)?.groups ?? {}

  return {
    operation: route?.operation ?? 'Unknown',
    mutating: request.method !== 'GET',
    resource: snapshot,
    refuse,
    async answer(fault) {
      try {
        const { region: regionName } = checkSignature(request, 'ebs', account)
        const region = world.regions.get(regionName)
        if (!region) throw new Refusal('AccessDeniedException', `The region ${regionName} is not enabled`)
        if (!route)
          throw new Refusal('UnknownOperationException', `No operation at ${request.method} ${path}`, {
            status: 404,
          })
        const unknown = [...request.url.searchParams.keys()].find((name) => !route.query.includes(name))
        if (unknown !== undefined)
          throw invalidBlockRequest('INVALID_PARAMETER_VALUE', `Unknown parameter ${unknown}`)
        if (snapshot !== undefined && !/^snap-([0-9a-f]{8}|[0-9a-f]{17})$/.test(snapshot)) {
          throw invalidBlockRequest('INVALID_SNAPSHOT_ID', `The snapshot ID ${snapshot} is not valid`)
        }
        settle(region)
        const reply = await route.run({
          world,
          region,
          snapshotId: snapshot ?? '',
          blockIndex: Number(block),
          query: new Map(request.url.searchParams),
          headers: request.headers,
          body: request.body,
          fault,
        })
        return { ...reply, headers: { ...reply.headers, 'x-amzn-requestid': randomUUID() } }
      } catch (error) {
        if (error instanceof Refusal) return refuse(error)
        throw error
      }
    },
  }
}

function refuse(refusal: Refusal, headers: Record<string, string> = {}): PlainReply {
  const reply = json(refusal.status, { Message: refusal.message, Reason: refusal.reason })
  return {
    ...reply,
    headers: {
      ...reply.headers,
      ...headers,
      'x-amzn-errortype': refusal.code,
      'x-amzn-requestid': randomUUID(),
    },
  }
}

interface Route {
  operation: string
  method: string
  pattern: RegExp
  query: string[]
  run(call: EbsCall): Promise<PlainReply>
}

const routes: Route[] = [
  { operation: 'StartSnapshot', method: 'POST', pattern: /^\/snapshots$/, query: [], run: startSnapshot },
  {
    operation: 'CompleteSnapshot',
    method: 'POST',
    pattern: /^\/snapshots\/completion\/(?<snapshot>[^/]+)$/,
    query: [],
    run: completeSnapshot,
  },
  {
    operation: 'ListSnapshotBlocks',
    method: 'GET',
    pattern: /^\/snapshots\/(?<snapshot>[^/]+)\/blocks$/,
    query: ['pageToken', 'maxResults', 'startingBlockIndex'],
    run: listBlocks,
  },
  {
    operation: 'ListChangedBlocks',
    method: 'GET',
    pattern: /^\/snapshots\/(?<snapshot>[^/]+)\/changedblocks$/,
    query: ['firstSnapshotId', 'pageToken', 'maxResults', 'startingBlockIndex'],
    run: listChanges,
  },
  {
    operation: 'GetSnapshotBlock',
    method: 'GET',
    pattern: /^\/snapshots\/(?<snapshot>[^/]+)\/blocks\/(?<block>\d+)$/,
    query: ['blockToken'],
    run: getBlock,
  },
  {
    operation: 'PutSnapshotBlock',
    method: 'PUT',
    pattern: /^\/snapshots\/(?<snapshot>[^/]+)\/blocks\/(?<block>\d+)$/,
    query: [],
    run: putBlock,
  },
]

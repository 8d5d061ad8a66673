import { join } from 'node:path'
import { createCallLog } from '#test/clouds/core/calls.ts'
import { dispatch } from '#test/clouds/core/dispatch.ts'
import { createDiskStore } from '#test/clouds/core/disks.ts'
import { createFaults } from '#test/clouds/core/faults.ts'
import { createMachines } from '#test/clouds/core/machines.ts'
import { startServer, type Outcome, type PlainRequest } from '#test/clouds/core/server.ts'
import type { Fault, LoopbackOptions, StartedCloud } from '#test/clouds/core/types.ts'
import { readEbsRequest } from '#test/clouds/aws/ebs.ts'
import { readEc2Request } from '#test/clouds/aws/ec2.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { residueIn } from '#test/clouds/aws/residue.ts'
import { seedWorld } from '#test/clouds/aws/seed.ts'
import type { Account } from '#test/clouds/aws/signature.ts'
import { createWorld, type Delays } from '#test/clouds/aws/world.ts'

export interface AwsOptions extends LoopbackOptions {
  /** https with an authority of its own; default false. */
  tls?: boolean
  delaysMs?: Partial<Delays>
  /** Running vCPUs that a region allows; default 512. */
  vcpuQuota?: number
  /** Most items the cloud gives on a page, even if more are asked for (the vendor may). */
  pageLimit?: number
  /** Boot instances where QEMU is; default true. */
  boot?: boolean
}

export type LoopbackAws = StartedCloud & {
  credentials: { access_key_id: string; secret_access_key: string }
  endpoints: { ec2: string; ebs: string }
}

const defaultDelays: Delays = {
  pending: 300,
  stopping: 300,
  terminating: 300,
  snapshot: 300,
  visible: 100,
  blockToken: 7 * 86_400_000,
}

/**
 * EC2 and EBS direct on loopback: the vendor's protocols, rules and errors over state and disk bytes that are really kept.
 * Without `imagePath` the default image holds a few blocks that do not boot.
 */
export async function startAws(options: AwsOptions): Promise<LoopbackAws> {
  const delays = { ...defaultDelays, ...options.delaysMs }
  const store = createDiskStore(join(options.dir, 'disks'))
  const machines = options.boot === false ? undefined : createMachines(join(options.dir, 'consoles'))
  const world = createWorld({
    accountId: '123456789012',
    delays,
    pageLimit: options.pageLimit ?? Infinity,
    vcpuQuota: options.vcpuQuota ?? 512,
    store,
    machines,
  })
  await seedWorld(world, options.imagePath)
  const account: Account = {
    accountId: world.accountId,
    accessKeyId: 'AKIALOOPBACK00000001',
    secretAccessKey: 'loopback/secret+key/that/opens/nothing+01',
    sessionToken: undefined,
  }
  const calls = createCallLog()
  const faults = createFaults()

  const handler = (request: PlainRequest): Promise<Outcome> => {
    const read = request.url.pathname === '/' ? readEc2Request : readEbsRequest
    const { operation, mutating, resource, answer, refuse } = read(request, world, account)
    return dispatch({
      calls,
      faults,
      call: { operation, mutating, resource, userAgent: request.headers['user-agent'] ?? '' },
      effect: answer,
      refuse: (fault) => refuse(refusalOf(fault), retryAfter(fault)),
    })
  }
  const surface = {
    inject: faults.inject,
    clearFaults: faults.clear,
    calls: calls.list,
    clearCalls: calls.clear,
    residue: () => residueIn(world),
  }
  const server = await startServer({
    tls: options.tls ?? false,
    handler,
    control: { ...surface, ...(options.shutdown === undefined ? {} : { shutdown: options.shutdown }) },
  })

  return {
    ...surface,
    url: server.url,
    caPem: server.caPem,
    credentials: { access_key_id: account.accessKeyId, secret_access_key: account.secretAccessKey },
    endpoints: { ec2: server.url, ebs: server.url },
    options: {
      ...(server.caPem === undefined ? {} : { ca_pem: server.caPem }),
      consistency_ms: 1000,
      poll_ms: 50,
    },
    regions: [...world.regions.keys()],
    async close() {
      await server.close()
      await machines?.close()
      await world.settled()
      await store.close()
    },
  }
}

const refusalOf = ({ code = 'InternalError', status, operation }: Fault): Refusal =>
  new Refusal(code, `Injected refusal of ${operation}`, { status })

const retryAfter = ({ retryAfterSeconds }: Fault): Record<string, string> =>
  retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }

import { join } from 'node:path'
import { awsServices, type AwsService } from '#shared/clouds/aws/settings.ts'
import { createBackground } from '#test/clouds/core/background.ts'
import { createCallLog } from '#test/clouds/core/calls.ts'
import { realClock, type Clock } from '#test/clouds/core/clock.ts'
import { dispatch } from '#test/clouds/core/dispatch.ts'
import { createDiskStore } from '#test/clouds/core/disks.ts'
import { createFaults } from '#test/clouds/core/faults.ts'
import { createMachines } from '#test/clouds/core/machines.ts'
import { startServer, type Outcome, type PlainRequest } from '#test/clouds/core/server.ts'
import type { Fault, LoopbackOptions, StartedCloud } from '#test/clouds/core/types.ts'
import { observeUsage, seedUsage } from '#test/clouds/aws/json/usage.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { residueIn } from '#test/clouds/aws/residue.ts'
import { seedWorld } from '#test/clouds/aws/seed.ts'
import { populate, writeDisk } from '#test/clouds/aws/populate.ts'
import { readRequest } from '#test/clouds/aws/services/router.ts'
import { createServices } from '#test/clouds/aws/services/state.ts'
import type { Account } from '#test/clouds/aws/signature.ts'
import { createWorld, type Delays } from '#test/clouds/aws/world.ts'

export interface AwsOptions extends LoopbackOptions {
  /** https with an authority of its own; default false. */
  tls?: boolean
  delaysMs?: Partial<Delays>
  /** By which delays pass; default the real one. Signatures always go by real time. */
  clock?: Clock
  /** Running vCPUs that a region allows; default 512. */
  vcpuQuota?: number
  /** VPCs and Elastic IPs that a region allows; default 20 and 10 (the vendor's are 5 and 5). */
  vpcQuota?: number
  addressQuota?: number
  /** Most items the cloud gives on a page, even if more are asked for (the vendor may). */
  pageLimit?: number
  /** How long the account has been used before, for the bill; default 60. */
  historyDays?: number
  /** Boot instances where QEMU is; default true. */
  boot?: boolean
}

export type LoopbackAws = StartedCloud & {
  credentials: { access_key_id: string; secret_access_key: string }
  endpoints: Record<AwsService, string>
}

const defaultDelays: Delays = {
  pending: 300,
  stopping: 300,
  terminating: 300,
  snapshot: 300,
  volume: 100,
  modification: 200,
  network: 100,
  visible: 100,
  blockToken: 7 * 86_400_000,
}

/**
 * AWS on loopback, all its services at one address: the vendor's protocols, rules and errors over state and disk bytes that are really kept.
 * Without `imagePath` the default image holds a few blocks that do not boot.
 */
export async function startAws(options: AwsOptions): Promise<LoopbackAws> {
  const delays = { ...defaultDelays, ...options.delaysMs }
  const store = createDiskStore(join(options.dir, 'disks'))
  const machines = options.boot === false ? undefined : createMachines(join(options.dir, 'consoles'))
  const closing = new AbortController()
  const background = createBackground()
  const world = createWorld({
    accountId: '123456789012',
    delays,
    clock: options.clock ?? realClock,
    closing: closing.signal,
    pageLimit: options.pageLimit ?? Infinity,
    vcpuQuota: options.vcpuQuota ?? 512,
    vpcQuota: options.vpcQuota ?? 20,
    addressQuota: options.addressQuota ?? 10,
    store,
    machines,
    services: createServices(options.dir),
    background: background.add,
  })
  await seedWorld(world, options.imagePath)
  seedUsage(world, options.historyDays ?? 60)
  const account: Account = {
    accountId: world.accountId,
    accessKeyId: 'AKIALOOPBACK00000001',
    secretAccessKey: 'loopback/secret+key/that/opens/nothing+01',
    sessionToken: undefined,
  }
  const calls = createCallLog()
  const faults = createFaults()

  const handler = (request: PlainRequest): Promise<Outcome> => {
    const { operation, mutating, resource, answer, refuse } = readRequest(request, world, account)
    return dispatch({
      calls,
      faults,
      call: {
        operation,
        mutating,
        resource,
        userAgent: request.headers['user-agent'] ?? '',
        begunAtMs: request.begunAtMs,
      },
      effect: async (fault) => {
        const reply = await answer(fault)
        // What a change ends was there until now.
        if (mutating && operation !== 'PutSnapshotBlock') observeUsage(world)
        return reply
      },
      refuse: (fault) => refuse(refusalOf(fault), retryAfter(fault)),
    })
  }
  const surface = {
    inject: faults.inject,
    clearFaults: faults.clear,
    calls: calls.list,
    clearCalls: calls.clear,
    residue: () => residueIn(world),
    populate: (count: number) => populate(world, count),
    writeDisk: (id: string, offset: number, data: Buffer) => writeDisk(world, id, { offset, data }),
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
    endpoints: Object.fromEntries(awsServices.map((name) => [name, server.url])) as Record<
      AwsService,
      string
    >,
    options: {
      ...(server.caPem === undefined ? {} : { ca_pem: server.caPem }),
      consistency_ms: 1000,
      poll_ms: 50,
    },
    regions: [...world.regions.keys()],
    async close() {
      await server.close()
      closing.abort()
      await machines?.close()
      try {
        await background.settled()
      } finally {
        await store.close()
      }
    },
  }
}

const refusalOf = ({ code = 'InternalError', status, operation }: Fault): Refusal =>
  new Refusal(code, `Injected refusal of ${operation}`, { status })

const retryAfter = ({ retryAfterSeconds }: Fault): Record<string, string> =>
  retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }

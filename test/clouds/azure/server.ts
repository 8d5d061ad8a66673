import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { createBackground } from '#test/clouds/core/background.ts'
import { createCallLog } from '#test/clouds/core/calls.ts'
import { realClock, type Clock } from '#test/clouds/core/clock.ts'
import { createDiskStore } from '#test/clouds/core/disks.ts'
import { dispatch } from '#test/clouds/core/dispatch.ts'
import { createFaults } from '#test/clouds/core/faults.ts'
import { createMachines } from '#test/clouds/core/machines.ts'
import { startServer, type Outcome, type PlainRequest } from '#test/clouds/core/server.ts'
import type { LoopbackOptions, StartedCloud } from '#test/clouds/core/types.ts'
import { populate } from '#test/clouds/azure/compute/populate.ts'
import { createBuckets, usualBuckets, type BucketSizes } from '#test/clouds/azure/budgets.ts'
import { checkApiVersion, matchArm } from '#test/clouds/azure/arm.ts'
import { matchBlob } from '#test/clouds/azure/blob.ts'
import { regions, type Context, type Delays } from '#test/clouds/azure/context.ts'
import { createEstate } from '#test/clouds/azure/estate.ts'
import { matchPrices } from '#test/clouds/azure/observation/prices.ts'
import { createSettings } from '#test/clouds/azure/observation/settings.ts'
import { createOperations } from '#test/clouds/azure/operations.ts'
import { armError, blobError, Refusal } from '#test/clouds/azure/replies.ts'
import { residueOf } from '#test/clouds/azure/residue.ts'
import { createSignatures } from '#test/clouds/azure/sas.ts'
import { createSignIn, storageAudience } from '#test/clouds/azure/signin.ts'
import { matchDataPlane } from '#test/clouds/azure/storage/data-plane.ts'

export interface AzureOptions extends LoopbackOptions {
  /** How long things take; what is left out takes a few tens of milliseconds. */
  delaysMs?: Partial<Delays>
  /** Items per page of a list; default 50. */
  pageSize?: number
  /** vCPUs that may run per region; default 200. */
  coreQuota?: number
  /** Calls that Azure Resource Manager takes; what is left out never runs out. */
  buckets?: Partial<BucketSizes>
  /** Lifetime of a token; default an hour. */
  tokenSeconds?: number
  /** Boot running VMs in QEMU, where it is; default true. */
  boot?: boolean
  clock?: Clock
}

const usualDelays: Delays = {
  vmCreate: 60,
  vmStart: 40,
  vmStop: 40,
  vmDelete: 30,
  snapshot: 20,
  disk: 10,
  network: 10,
  access: 0,
}

/** Starts a loopback Azure: sign-in, Azure Resource Manager and the blob service behind one https address. */
export async function startAzure(options: AzureOptions): Promise<StartedCloud> {
  const {
    dir,
    imagePath,
    delaysMs,
    pageSize = 50,
    coreQuota = 200,
    tokenSeconds = 3600,
    buckets: bucketSizes,
    clock = realClock,
    shutdown,
    boot = true,
  } = options
  const app = {
    tenantId: randomUUID(),
    clientId: randomUUID(),
    clientSecret: randomBytes(24).toString('base64url'),
  }
  const subscription = randomUUID()
  const calls = createCallLog()
  const faults = createFaults()
  const signIn = createSignIn(app, { tokenSeconds })
  const background = createBackground()
  const buckets = createBuckets(clock, { ...usualBuckets, ...bucketSizes })
  let origin = ''
  const url = () => origin
  const context: Context = {
    subscription,
    url,
    clock,
    faults,
    estate: createEstate(clock),
    accounts: new Map(),
    galleries: new Map(),
    settings: createSettings(),
    store: createDiskStore(join(dir, 'disks')),
    machines: createMachines(join(dir, 'consoles'), boot ? {} : { path: '' }),
    operations: createOperations({ clock, url, subscription }),
    signatures: createSignatures(clock, url),
    delays: { ...usualDelays, ...delaysMs },
    pageSize,
    coreQuota,
    imagePath,
    later: background.add,
  }

  const handle = (request: PlainRequest): Promise<Outcome> => {
    const { headers, begunAtMs } = request
    const requestId = { 'x-ms-request-id': randomUUID() }
    const userAgent = headers['user-agent'] ?? ''
    const run = (
      operation: string,
      mutating: boolean,
      form: typeof armError,
      effect: Parameters<typeof dispatch>[0]['effect'],
    ) =>
      dispatch({
        calls,
        faults,
        call: { operation, mutating, userAgent, begunAtMs, resource: request.url.pathname },
        refuse: (fault) => {
          const code = fault.code ?? 'InternalServerError'
          const pace =
            fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) }
          return form(new Refusal(fault.status ?? 500, code, wordsFor(code)), { ...requestId, ...pace })
        },
        effect: async (fault) => {
          try {
            const reply = await effect(fault)
            return { ...reply, headers: { ...requestId, ...reply.headers } }
          } catch (error) {
            if (error instanceof Refusal) return form(error, requestId)
            throw error
          }
        },
      })

    const signingIn = signIn.match(request)
    if (signingIn) return run(signingIn.operation, false, armError, () => Promise.resolve(signingIn.answer()))
    const listed = matchPrices(context, request)
    if (listed) return run(listed.operation, false, armError, () => Promise.resolve(listed.answer()))
    const stored = matchDataPlane(context, request)
    if (stored)
      return run(stored.operation, stored.mutating, blobError, (fault) => {
        signIn.check(request, storageAudience)
        return stored.answer(fault)
      })
    const blob = matchBlob(context, request)
    if (blob) return run(blob.operation, blob.mutating, blobError, (fault) => blob.answer(fault))
    const route = matchArm(request)
    return run(route?.operation ?? `${request.method} ?`, route?.mutating ?? true, armError, async () => {
      signIn.check(request)
      if (!route)
        throw new Refusal(
          404,
          'InvalidResourceType',
          `The resource type could not be found: ${request.url.pathname}`,
        )
      if (route.path['subscription'] !== subscription) {
        throw new Refusal(
          404,
          'SubscriptionNotFound',
          `The subscription '${route.path['subscription']}' could not be found.`,
        )
      }
      checkApiVersion(route, request.url)
      const arm = {
        path: route.path,
        query: request.url.searchParams,
        apiVersion: request.url.searchParams.get('api-version') ?? '',
        headers,
        body: parse(request),
      }
      return buckets.spend(request.method, async () => route.handler(context, arm))
    })
  }

  const control = {
    inject: faults.inject,
    clearFaults: faults.clear,
    calls: calls.list,
    clearCalls: calls.clear,
    residue: () => residueOf(context),
    populate: (count: number) => populate(context, count),
    async writeDisk(id: string, offset: number, data: Buffer) {
      const disk = context.estate.get('disk', id)
      if (!disk) throw new Error(`no disk ${id}`)
      await context.store.write(disk.storeId, offset, data)
    },
    ...(shutdown ? { shutdown } : {}),
  }
  const server = await startServer({ tls: true, handler: handle, control })
  origin = server.url

  return {
    ...control,
    url: server.url,
    caPem: server.caPem,
    credentials: {
      tenant_id: app.tenantId,
      client_id: app.clientId,
      client_secret: app.clientSecret,
      subscription_id: subscription,
    },
    endpoints: {
      management: server.url,
      authority: server.url,
      prices: server.url,
      storage: `${server.url}/{account}`,
    },
    // Nothing takes long here, so it is worth looking often.
    options: { ca_pem: server.caPem, poll_ms: 20, consistency_ms: 200, throttle_wait_ms: 2000 },
    regions: regions.map(({ name }) => name),
    async close() {
      await server.close()
      await context.machines.close()
      try {
        await background.settled()
      } finally {
        await context.store.close()
      }
    },
  }
}

function parse({ body }: PlainRequest): unknown {
  if (body.length === 0) return undefined
  try {
    return JSON.parse(body.toString())
  } catch {
    throw new Refusal(
      400,
      'InvalidRequestContent',
      'The request content was invalid and could not be deserialized.',
    )
  }
}

/** What Azure says with a code, where an adapter may read the words. */
function wordsFor(code: string): string {
  if (code === 'OperationNotAllowed')
    return 'Operation could not be completed as it results in exceeding approved standardDSv5Family Cores quota.'
  return `Injected: ${code}.`
}

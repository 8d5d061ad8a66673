import { join } from 'node:path'
import { createBackground } from '#test/clouds/core/background.ts'
import { createCallLog } from '#test/clouds/core/calls.ts'
import { realClock, type Clock } from '#test/clouds/core/clock.ts'
import { dispatch } from '#test/clouds/core/dispatch.ts'
import { createDiskStore } from '#test/clouds/core/disks.ts'
import { createFaults } from '#test/clouds/core/faults.ts'
import { createMachines } from '#test/clouds/core/machines.ts'
import { startServer, type Outcome, type PlainRequest } from '#test/clouds/core/server.ts'
import type { Fault, LoopbackOptions, StartedCloud } from '#test/clouds/core/types.ts'
import { billingTable } from '#test/clouds/gcp/bigquery/export.ts'
import { bigqueryRoutes } from '#test/clouds/gcp/bigquery/routes.ts'
import { buildRoutes, residueOfBuilds } from '#test/clouds/gcp/builds/routes.ts'
import { catalogueRoutes } from '#test/clouds/gcp/catalogue/routes.ts'
import { failedOperation } from '#test/clouds/gcp/compute/operations.ts'
import { populate, writeDisk } from '#test/clouds/gcp/compute/populate.ts'
import { residueOfCompute } from '#test/clouds/gcp/compute/residue.ts'
import { computeRoutes } from '#test/clouds/gcp/compute/routes.ts'
import { createComputeWorld } from '#test/clouds/gcp/compute/world.ts'
import { monitoringRoutes } from '#test/clouds/gcp/monitoring/routes.ts'
import { errorReply, Refusal, rpcErrorReply } from '#test/clouds/gcp/refusal.ts'
import { createRouter, parseJson, type Route } from '#test/clouds/gcp/route.ts'
import { createSignIn } from '#test/clouds/gcp/signin.ts'
import { residueOfStorage, storageRoutes } from '#test/clouds/gcp/storage/routes.ts'
import { createStorageWorld } from '#test/clouds/gcp/storage/world.ts'
import type { Delays, World } from '#test/clouds/gcp/world.ts'

export interface GcpOptions extends LoopbackOptions {
  /** https with an authority of its own; default false. */
  tls?: boolean
  delaysMs?: Partial<Delays>
  /** vCPUs that a region allows; default 200. */
  cpuQuota?: number
  /** Most items the cloud gives on a page, even if more are asked for (the vendor may). */
  pageLimit?: number
  /** Lifetime of a token; default an hour. */
  tokenSeconds?: number
  /** Boot running VMs in QEMU, where it is; default true. */
  boot?: boolean
  clock?: Clock
}

const usualDelays: Delays = { operation: 20, vm: 40, snapshot: 30, image: 30, visible: 20, build: 30 }

/** All services; each adds its array. */
const routes: readonly Route[] = [
  ...computeRoutes,
  ...storageRoutes,
  ...buildRoutes,
  ...monitoringRoutes,
  ...catalogueRoutes,
  ...bigqueryRoutes,
]

/**
 * Starts a loopback Google Cloud: sign-in, Compute Engine, Cloud Storage and the other services behind one address, over state and disk
 * bytes that are really kept. Without `imagePath` the default image holds a few blocks that do not boot.
 */
export async function startGcp(options: GcpOptions): Promise<StartedCloud> {
  const { dir, imagePath, clock = realClock, pageLimit = 500, boot = true } = options
  const project = 'novacron-loopback'
  const projectNumber = '415926535897'
  const calls = createCallLog()
  const faults = createFaults()
  const signIn = createSignIn({ project, clock, tokenSeconds: options.tokenSeconds ?? 3600 })
  const background = createBackground()
  let origin = ''
  const delays = { ...usualDelays, ...options.delaysMs }
  const disks = createDiskStore(join(dir, 'disks'))
  const url = () => origin
  const world: World = {
    project,
    projectNumber,
    clock,
    delays,
    pageLimit,
    url,
    faults,
    disks,
    machines: createMachines(join(dir, 'consoles'), boot ? {} : { path: '' }),
    compute: await createComputeWorld({
      project,
      clock,
      disks,
      imagePath,
      cpuQuota: options.cpuQuota ?? 200,
    }),
    storage: createStorageWorld({ dir, projectId: project, projectNumber, clock, pageLimit }),
    later: background.add,
  }
  const find = createRouter(routes)

  const handler = (request: PlainRequest): Promise<Outcome> => {
    const { begunAtMs } = request
    const userAgent = request.headers['user-agent'] ?? ''
    // Of an upload the path names the bucket alone.
    const uploaded = request.url.searchParams.get('uploadType') && request.url.searchParams.get('name')
    const resource = request.url.pathname + (uploaded ? `/${uploaded}` : '')
    if (request.method === 'POST' && resource === '/token') {
      return dispatch({
        calls,
        faults,
        call: { operation: 'oauth2.token', mutating: false, userAgent, begunAtMs },
        effect: () => Promise.resolve(signIn.exchange(request)),
        refuse: (fault) => errorReply(refusalOf(fault), paceOf(fault)),
      })
    }
    const match = find(request)
    const form = match?.route.form === 'rpc' ? rpcErrorReply : errorReply
    return dispatch({
      calls,
      faults,
      call: {
        operation: match?.route.operation ?? `${request.method} ?`,
        mutating: match?.route.mutating ?? true,
        userAgent,
        begunAtMs,
        resource,
      },
      refuse: (fault) =>
        match?.route.mutating &&
        match.route.operation.startsWith('compute.') &&
        endsOperations.test(fault.code ?? '')
          ? failedOperation({ world, path: match.path, operation: match.route.operation }, fault.code ?? '')
          : form(refusalOf(fault), paceOf(fault)),
      effect: async (fault) => {
        try {
          signIn.check(request)
          if (!match) throw new Refusal(404, 'notFound', `Not Found: ${request.method} ${resource}`)
          const { route, path } = match
          const ask = {
            world,
            request,
            path,
            query: request.url.searchParams,
            json: () => parseJson(request),
            fault,
          }
          return await route.answer(ask)
        } catch (error) {
          if (error instanceof Refusal) return form(error)
          throw error
        }
      },
    })
  }

  const surface = {
    inject: faults.inject,
    clearFaults: faults.clear,
    calls: calls.list,
    clearCalls: calls.clear,
    residue: () => [...residueOfCompute(world), ...residueOfStorage(world), ...residueOfBuilds(world)],
    populate: (count: number) => populate(world, count),
    writeDisk: (id: string, offset: number, data: Buffer) => writeDisk(world, id, offset, data),
  }
  const server = await startServer({
    tls: options.tls ?? false,
    handler,
    control: { ...surface, ...(options.shutdown === undefined ? {} : { shutdown: options.shutdown }) },
  })
  origin = server.url

  return {
    ...surface,
    url: origin,
    caPem: server.caPem,
    credentials: signIn.credentials,
    endpoints: Object.fromEntries(services.map((service) => [service, origin])),
    // Nothing takes long here, so it is worth looking often.
    options: {
      ...(server.caPem === undefined ? {} : { ca_pem: server.caPem }),
      consistency_ms: 500,
      poll_ms: 20,
      throttle_wait_ms: 2000,
      billing_table: billingTable(project),
    },
    regions: [...world.compute.regions.keys()],
    async close() {
      await server.close()
      await world.machines.close()
      try {
        await background.settled()
      } finally {
        await disks.close()
      }
    },
  }
}

const services = ['token', 'compute', 'storage', 'cloudbuild', 'monitoring', 'cloudbilling', 'bigquery']

/** Compute Engine accepts a request and lets its operation fail with these. */
const endsOperations = /^[A-Z]+(_[A-Z]+)+$/

const refusalOf = ({ code = 'backendError', status = 503, operation }: Fault): Refusal =>
  new Refusal(status, code, `Injected refusal of ${operation}`)

const paceOf = ({ retryAfterSeconds }: Fault): Record<string, string> =>
  retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }

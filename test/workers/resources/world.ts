import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { Cloud } from '#shared/clouds/port.ts'
import { createProviders } from '#shared/clouds/providers.ts'
import { newId } from '#shared/ids.ts'
import { startAws } from '#test/clouds/aws/server.ts'
import { startAzure } from '#test/clouds/azure/server.ts'
import type { StartedCloud } from '#test/clouds/core/types.ts'
import { startGcp } from '#test/clouds/gcp/server.ts'
import { openHarness, type Answer, type Client, type Harness, type Json } from '#test/api/harness.ts'
import type { Document } from '#test/api/conforms.ts'
import { brokenPromises } from '#test/api/promised.ts'
import { startWorkers } from '#workers/process.ts'
import { provisioningChains } from '#workers/provisioning/chains.ts'
import { upkeepChains } from '#workers/upkeep/chains.ts'

export type TestedCloud = 'aws' | 'azure' | 'gcp'

/** How a cloud names what the tests provoke. */
interface Dialect {
  region: string
  zone: string
  forbidden: { code: string; status: number }
  /** Vendor operations. */
  createNetwork: string
  createSubnet: string
  createVolume: string
  deleteVolume: string
  start: string
  attach: string
  /** The last call of a change of rules. */
  setRules: string
  resize: string
  /** What a VM must be made with to be suspended later. */
  sleeper: object
  /** Calls of the same name that a resize makes first. */
  resizeSkip: number
}

const dialects: Record<TestedCloud, Dialect> = {
  aws: {
    region: 'us-east-1',
    zone: 'us-east-1a',
    forbidden: { code: 'UnauthorizedOperation', status: 403 },
    createNetwork: 'CreateVpc',
    createSubnet: 'CreateSubnet',
    createVolume: 'CreateVolume',
    deleteVolume: 'DeleteVolume',
    start: 'StartInstances',
    attach: 'AttachVolume',
    setRules: 'RevokeSecurityGroupIngress',
    resize: 'ModifyInstanceAttribute',
    sleeper: { storage: 40, custom_options: { encryption: {} } },
    resizeSkip: 0,
  },
  azure: {
    region: 'eastus',
    zone: '1',
    forbidden: { code: 'AuthorizationFailed', status: 403 },
    createNetwork: 'VirtualNetworks_CreateOrUpdate',
    createSubnet: 'Subnets_CreateOrUpdate',
    createVolume: 'Disks_CreateOrUpdate',
    deleteVolume: 'Disks_Delete',
    start: 'VirtualMachines_Start',
    attach: 'VirtualMachines_AttachDetachDataDisks',
    setRules: 'NetworkSecurityGroups_CreateOrUpdate',
    resize: 'VirtualMachines_Update',
    sleeper: { instance_type: 'Standard_D2s_v5' },
    resizeSkip: 1,
  },
  gcp: {
    region: 'us-central1',
    zone: 'us-central1-a',
    forbidden: { code: 'forbidden', status: 403 },
    createNetwork: 'compute.networks.insert',
    createSubnet: 'compute.subnetworks.insert',
    createVolume: 'compute.disks.insert',
    deleteVolume: 'compute.disks.delete',
    start: 'compute.instances.start',
    attach: 'compute.instances.attachDisk',
    setRules: 'compute.firewalls.delete',
    resize: 'compute.instances.setMachineType',
    sleeper: {},
    resizeSkip: 0,
  },
}

/** The API, workers and a loopback cloud that is registered as `cloud-1`. */
export interface World {
  api: Harness
  client: Client
  cloud: StartedCloud
  dialect: Dialect
  /** Sends a changing request and waits until its job has ended. */
  post(path: string, body?: unknown): Promise<Answer>
  put(path: string, body: unknown): Promise<Answer>
  delete(path: string): Promise<Answer>
  get(path: string): Promise<Json>
  /** A running VM's row as the API shows it. */
  runVm(wishes?: object): Promise<Json>
  /** The adapter itself, for what the API does not do. */
  open(): Promise<Cloud>
  /** What the cloud holds that a job made. */
  residueOf(jobId: unknown): { kind: string; id: string }[]
  /** How often the cloud was asked to do this, whatever it answered. */
  asked(operation: string): number
  close(): Promise<void>
}

export async function startWorld(type: TestedCloud): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), 'novacron-resources-'))
  const dialect = dialects[type]
  const [api, cloud] = await Promise.all([openHarness({ ALLOW_PRIVATE_NETWORKS: true }), starters[type](dir)])
  const providers = createProviders(api.pool, api.deps.keyring, newId('wrk'))
  const workers = await startWorkers({
    addresses: api.addresses,
    pools: ['provisioning', 'upkeep'],
    chains: [...provisioningChains, ...upkeepChains],
    concurrency: 10,
    leaseMs: 30_000,
    workerId: newId('wrk'),
    openProvider: providers.open,
    log: pino({ level: process.env['LOG_LEVEL'] ?? 'silent' }),
    repairEveryMs: 200,
  })
  const client = await keepingPromises(api, await api.as('acme', 'admin'))
  const wait = { prefer: 'wait=25' }

  const world: World = {
    api,
    client,
    cloud,
    dialect,
    post: (path, body) => client.post(path, body, wait),
    put: (path, body) => client.put(path, body, { ...wait, 'if-match': '*' }),
    delete: (path) => client.delete(path, wait),
    async get(path) {
      const answer = await client.get(path)
      if (answer.status !== 200) throw new Error(`${path}: ${answer.text}`)
      return answer.body
    },
    async runVm(wishes = {}) {
      const body = { name: 'web-1', instance_type: 'medium', region: dialect.region, ...wishes }
      const { body: made, text } = await world.post('/vms', body)
      if (made['vm']?.['state'] !== ('running' as unknown)) throw new Error(text)
      return made['vm'] ?? {}
    },
    open: () => providers.open('acme', 'cloud-1'),
    residueOf: (jobId) => cloud.residue().filter(({ tags }) => tags['novacron-job'] === jobId),
    asked: (operation) => cloud.calls().filter((call) => call.operation === operation).length,
    async close() {
      await workers.stop(1_000)
      await providers.close()
      await api.close()
      await cloud.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
  await registerCloud(world, type)
  return world
}

/** Looks until it holds, for what is done in the background. Fails after ten seconds. */
export async function eventually(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (const untilMs = Date.now() + 10_000; !(await holds()); await sleep(20))
    if (Date.now() > untilMs) throw new Error(`waited ten seconds for ${what}`)
}

/** A client that fails on any answer which is not as the OpenAPI document promises. */
async function keepingPromises(api: Harness, client: Client): Promise<Client> {
  const document = (await api.request('/openapi.json')).body as unknown as Document
  const judged = async (method: string, path: string, sent: Promise<Answer>) => {
    const answer = await sent
    const faults = brokenPromises(document, method, `/api/multicloud${path.split('?')[0]}`, answer)
    if (faults.length > 0) throw new Error(`${faults.slice(0, 5).join('; ')}: ${answer.text.slice(0, 500)}`)
    return answer
  }
  return {
    token: client.token,
    get: (path, headers) => judged('GET', path, client.get(path, headers)),
    post: (path, body, headers) => judged('POST', path, client.post(path, body, headers)),
    put: (path, body, headers) => judged('PUT', path, client.put(path, body, headers)),
    delete: (path, headers) => judged('DELETE', path, client.delete(path, headers)),
  }
}

async function registerCloud({ client, cloud, dialect }: World, type: TestedCloud): Promise<void> {
  const { credentials, endpoints, options } = cloud
  const answer = await client.post('/providers', {
    provider_id: 'cloud-1',
    type,
    config: {
      credentials,
      endpoints,
      regions: [dialect.region],
      options: { ...options, poll_ms: 10, consistency_ms: 150, request_timeout_ms: 10_000 },
    },
  })
  if (answer.status !== 201) throw new Error(answer.text)
}

const starters: Record<TestedCloud, (dir: string) => Promise<StartedCloud>> = {
  aws: (dir) =>
    startAws({
      dir,
      boot: false,
      delaysMs: {
        pending: 50,
        stopping: 30,
        terminating: 30,
        snapshot: 20,
        volume: 20,
        modification: 20,
        visible: 50,
      },
    }),
  azure: (dir) => startAzure({ dir, boot: false }),
  gcp: (dir) => startGcp({ dir, boot: false }),
}

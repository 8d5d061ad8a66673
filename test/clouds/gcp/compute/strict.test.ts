import { randomUUID } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connect, type GcpClient, type RestRequest } from '#shared/clouds/gcp/client.ts'
import { parseGcpSettings } from '#shared/clouds/gcp/settings.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { startGcp, type GcpOptions } from '#test/clouds/gcp/server.ts'

const zone = 'us-central1-a'

/** Plain requests to a loopback Google Cloud where everything is done at once. */
async function openRaw(options: Partial<GcpOptions> = {}) {
  const delaysMs = { operation: 0, vm: 0, snapshot: 0, image: 0, visible: 0, build: 0 }
  const cloud = await startGcp({ dir: await temporaryDir(), boot: false, delaysMs, ...options })
  const { credentials, endpoints, regions } = cloud
  const gcp = await connect(
    parseGcpSettings({
      providerId: 'raw',
      type: 'gcp',
      credentials,
      endpoints,
      regions,
      defaultRegion: undefined,
      options: {},
      workerId: 'raw',
    }),
  )
  onTestFinished(async () => {
    gcp.close()
    await cloud.close()
  })
  return { cloud, ask: asker(gcp) }
}

type Reply = Record<string, unknown> & { items?: Record<string, unknown>[]; nextPageToken?: string }

const asker =
  (gcp: GcpClient) =>
  async (
    method: RestRequest['method'],
    path: string,
    body?: object,
    query?: RestRequest['query'],
  ): Promise<Reply> =>
    (await gcp.rest('raw', {
      method,
      service: 'compute',
      path: `/compute/v1/projects/${gcp.project}${path}`,
      ...(body && { body }),
      ...(query && { query }),
    })) as Reply

const vm = (name: string, more: object = {}) => ({
  name,
  machineType: `zones/${zone}/machineTypes/e2-small`,
  disks: [
    {
      boot: true,
      autoDelete: true,
      initializeParams: {
        sourceImage: 'projects/ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-amd64',
      },
    },
  ],
  networkInterfaces: [{ network: 'global/networks/default' }],
  ...more,
})

describe('a request is checked against the vendor’s own description', () => {
  test.for<[what: string, body: object, vendorCode: string, message: RegExp]>([
    ['an unknown field', { ...vm('a'), colour: 'red' }, 'invalid', /Unknown name "colour"/],
    [
      'an unknown field deep inside',
      vm('a', { scheduling: { spot: true } }),
      'invalid',
      /Unknown name "spot" at 'resource.scheduling'/,
    ],
    ['a value of the wrong type', { ...vm('a'), canIpForward: 'yes' }, 'invalid', /resource.canIpForward/],
    ['a name that is none', vm('Upper'), 'invalid', /resource.name/],
    ['a label that is none', vm('a', { labels: { Team: 'Core' } }), 'invalid', /resource.labels/],
    [
      'a machine type that does not exist',
      vm('a', { machineType: `zones/${zone}/machineTypes/t3.small` }),
      'invalid',
      /machineType/,
    ],
    [
      'a network that does not exist',
      vm('a', { networkInterfaces: [{ network: 'global/networks/none' }] }),
      'notFound',
      /none/,
    ],
    ['no boot disk', vm('a', { disks: [] }), 'invalid', /boot disk/],
    [
      'a Spot VM that is to restart',
      vm('a', { scheduling: { provisioningModel: 'SPOT', automaticRestart: true } }),
      'invalid',
      /Spot/,
    ],
  ])('%s is refused, and nothing is made', async ([, body, vendorCode, message]) => {
    const { ask, cloud } = await openRaw()
    await expect(ask('POST', `/zones/${zone}/instances`, body)).rejects.toMatchObject({
      vendorCode,
      message: expect.stringMatching(message) as unknown,
    })
    expect(cloud.residue()).toEqual([])
  })

  test('an unknown parameter, and one of the wrong type, are refused', async () => {
    const { ask } = await openRaw()
    await expect(ask('GET', `/zones/${zone}/instances`, undefined, { zones: 'all' })).rejects.toMatchObject({
      vendorCode: 'badRequest',
    })
    await expect(
      ask('GET', `/zones/${zone}/instances`, undefined, { maxResults: 'all' }),
    ).rejects.toMatchObject({ vendorCode: 'invalidParameter' })
    await expect(ask('GET', `/zones/nowhere/instances`)).rejects.toMatchObject({ vendorCode: 'invalid' })
  })
})

describe('requestId', () => {
  test('the same request twice is one operation; another request with it is refused', async () => {
    const { ask, cloud } = await openRaw()
    const query = { requestId: randomUUID() }
    const first = await ask('POST', `/zones/${zone}/instances`, vm('once'), query)
    expect((await ask('POST', `/zones/${zone}/instances`, vm('once'), query))['name']).toBe(first['name'])
    await expect(ask('POST', `/zones/${zone}/instances`, vm('twice'), query)).rejects.toMatchObject({
      vendorCode: 'invalid',
    })
    await expect(ask('POST', `/zones/${zone}/instances`, vm('once'))).rejects.toMatchObject({
      vendorCode: 'alreadyExists',
    })
    await expect(
      ask('POST', `/zones/${zone}/instances`, vm('other'), { requestId: 'mine' }),
    ).rejects.toMatchObject({ vendorCode: 'invalid' })
    expect(cloud.residue().filter(({ kind }) => kind === 'instances')).toHaveLength(1)
  })
})

describe('guards', () => {
  test('what is in use is not deleted, and a stale fingerprint changes nothing', async () => {
    const { ask } = await openRaw()
    await ask('POST', '/global/networks', { name: 'net', autoCreateSubnetworks: false })
    const subnet = { name: 'sub', network: 'global/networks/net', ipCidrRange: '10.9.0.0/24' }
    await ask('POST', '/regions/us-central1/subnetworks', subnet)
    const nic = { subnetwork: 'regions/us-central1/subnetworks/sub' }
    await ask('POST', `/zones/${zone}/instances`, vm('user', { networkInterfaces: [nic] }))
    const held = { vendorCode: 'resourceInUseByAnotherResource', code: 'conflict' }
    await expect(ask('DELETE', `/zones/${zone}/disks/user`)).rejects.toMatchObject(held)
    await expect(ask('DELETE', '/regions/us-central1/subnetworks/sub')).rejects.toMatchObject(held)
    await expect(ask('DELETE', '/global/networks/net')).rejects.toMatchObject(held)
    await expect(
      ask('POST', `/zones/${zone}/instances/user/setLabels`, {
        labels: { a: 'b' },
        labelFingerprint: 'stale',
      }),
    ).rejects.toMatchObject({ vendorCode: 'conditionNotMet' })
    await expect(
      ask('POST', `/zones/${zone}/instances/user/setMachineType`, {
        machineType: `zones/${zone}/machineTypes/e2-medium`,
      }),
    ).rejects.toMatchObject({ vendorCode: 'resourceNotReady' })
    await expect(
      ask('POST', '/regions/us-central1/subnetworks', { ...subnet, name: 'across' }),
    ).rejects.toMatchObject({
      vendorCode: 'invalid',
    })
  })

  test('a quota of vCPUs is kept, and a stopped VM uses none', async () => {
    const { ask } = await openRaw({ cpuQuota: 2 })
    await ask('POST', `/zones/${zone}/instances`, vm('one'))
    await expect(ask('POST', `/zones/${zone}/instances`, vm('two'))).rejects.toMatchObject({
      vendorCode: 'quotaExceeded',
    })
    await ask('GET', `/zones/${zone}/instances/one`)
    await ask('POST', `/zones/${zone}/instances/one/stop`)
    await ask('POST', `/zones/${zone}/instances`, vm('two'))
    await expect(ask('POST', `/zones/${zone}/instances/one/start`)).rejects.toMatchObject({
      vendorCode: 'quotaExceeded',
    })
  })
})

describe('lists', () => {
  test('pages are as small as asked for, their token fits no other list, and a wrong filter is refused', async () => {
    const { ask, cloud } = await openRaw()
    await cloud.populate(5)
    const first = await ask('GET', '/aggregated/instances', undefined, { maxResults: 2 })
    expect(first.nextPageToken).toMatch(/\S/)
    const query = { pageToken: first.nextPageToken ?? '' }
    await expect(ask('GET', `/zones/${zone}/instances`, undefined, query)).rejects.toMatchObject({
      vendorCode: 'invalid',
    })
    await expect(ask('GET', '/aggregated/instances', undefined, { pageToken: 'x' })).rejects.toMatchObject({
      vendorCode: 'invalid',
    })
    await expect(
      ask('GET', '/aggregated/instances', undefined, { filter: 'name like x' }),
    ).rejects.toMatchObject({ vendorCode: 'invalid' })
    await expect(ask('GET', '/aggregated/instances', undefined, { orderBy: 'size' })).rejects.toMatchObject({
      vendorCode: 'invalid',
    })
  })

  test('what was just made is missing from lists for a moment, and there to be read', async () => {
    const delaysMs = { operation: 0, vm: 0, snapshot: 0, image: 0, visible: 60_000, build: 0 }
    const { ask } = await openRaw({ delaysMs })
    await ask('POST', `/zones/${zone}/instances`, vm('late'))
    expect((await ask('GET', `/zones/${zone}/instances/late`))['name']).toBe('late')
    expect((await ask('GET', `/zones/${zone}/instances`)).items).toBeUndefined()
  })
})

describe('signing in', () => {
  test('a request without a token, or with one that was never given out, is refused', async () => {
    const { cloud } = await openRaw()
    for (const headers of [{}, { authorization: 'Bearer ya29.stolen' }]) {
      const reply = await fetch(`${cloud.url}/compute/v1/projects/novacron-loopback`, { headers })
      expect(reply.status).toBe(401)
    }
  })
})

import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cloud } from '#shared/clouds/port.ts'
import { openCloud } from '#shared/clouds/registry.ts'
import { startAws } from '#test/clouds/aws/server.ts'
import { startAzure } from '#test/clouds/azure/server.ts'
import { createServerIdentity, type ServerIdentity } from '#test/clouds/core/certificates.ts'
import type { StartedCloud } from '#test/clouds/core/types.ts'
import { startGcp } from '#test/clouds/gcp/server.ts'

const starters = {
  aws: (dir: string) => startAws({ dir, tls: true, boot: false }),
  azure: (dir: string) => startAzure({ dir, boot: false }),
  gcp: (dir: string) => startGcp({ dir, tls: true, boot: false }),
}

/** What can be wrong with a certificate: how to make such a one, the authority that is trusted, and what the error must say. */
const wrongs: [wrong: string, make: () => Promise<ServerIdentity>, says: RegExp][] = [
  [
    'signed by an authority that nobody trusts',
    async () => ({ ...(await createServerIdentity()), caPem: (await createServerIdentity()).caPem }),
    /certificate|issuer/i,
  ],
  ['expired', () => createServerIdentity({ validUntil: new Date(Date.now() - 86_400_000) }), /expired/i],
  [
    'of another host',
    () => createServerIdentity({ hosts: ['cloud.example'] }),
    /127\.0\.0\.1.*cloud\.example|altnames/i,
  ],
]

describe.each(Object.keys(starters) as (keyof typeof starters)[])('%s over https', (type) => {
  let loopback: StartedCloud
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'novacron-tls-'))
    loopback = await starters[type](dir)
  })
  afterAll(async () => {
    await loopback?.close()
    await rm(dir, { recursive: true, force: true })
  })

  /** The adapter, with the loopback cloud's addresses moved to `url`. */
  const open = (url: string, caPem: string | undefined): Promise<Cloud> => {
    const { ca_pem: _, ...options } = loopback.options
    return openCloud({
      providerId: `${type}-tls`,
      type,
      credentials: loopback.credentials,
      regions: loopback.regions,
      defaultRegion: loopback.regions[0],
      endpoints: Object.fromEntries(
        Object.entries(loopback.endpoints).map(([service, at]) => [service, at.replace(loopback.url, url)]),
      ),
      options: { ...options, ...(caPem === undefined ? {} : { ca_pem: caPem }), request_timeout_ms: 5000 },
      workerId: 'worker-7f3a',
    })
  }
  const failureOf = async (cloud: Cloud): Promise<unknown> => {
    const error = await cloud.identity.validate().catch((thrown: unknown) => thrown)
    cloud.close()
    return error
  }

  test('a private authority is trusted once the registration has it, for every service', async () => {
    expect(loopback.url).toMatch(/^https:/)
    const cloud = await open(loopback.url, loopback.caPem)
    expect((await cloud.identity.validate()).accountId).toMatch(/\S/)
    const [region = ''] = loopback.regions
    expect(await Array.fromAsync(cloud.compute.list({ region }))).toEqual([])
    expect(await Array.fromAsync(cloud.storage.buckets.list({ region }))).toEqual([])
    cloud.close()
  })

  test('without it the error says so, names the option, and carries no secret', async () => {
    const error = await failureOf(await open(loopback.url, undefined))
    expect(error).toMatchObject({
      name: 'CloudError',
      code: 'tls',
      kind: 'permanent',
      remedy: expect.stringContaining('ca_pem') as string,
    })
    expect((error as Error).message).toMatch(/certificate/i)
    for (const secret of Object.values(loopback.credentials).filter((value) => value.length > 20))
      expect(JSON.stringify(error) + (error as Error).message).not.toContain(secret)
  })

  test.for(wrongs)('a certificate that is %s is refused with the reason', async ([, make, says]) => {
    const identity = await make()
    const server = createServer({ key: identity.key, cert: identity.cert }, (_request, response) => {
      response.writeHead(500).end()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const error = await failureOf(await open(`https://127.0.0.1:${port}`, identity.caPem))
    server.closeAllConnections()
    server.close()
    expect(error).toMatchObject({ name: 'CloudError', code: 'tls', kind: 'permanent' })
    expect((error as Error).message).toMatch(says)
    expect(error).toHaveProperty('remedy', expect.stringMatching(/\S/))
  })
})

import { describe, expect, test } from 'vitest'
import {
  bareAzure,
  compute,
  diskPath,
  networking,
  resources,
  storage,
  underSubscription,
} from '#test/clouds/azure/harness.ts'

const bare = bareAzure({ pageSize: 2 })
const refusal = async (reply: Promise<{ status: number; json: { error?: { code: string } } }>) => {
  const { status, json } = await reply
  return [status, json.error?.code]
}
const group = '/resourceGroups/g/providers'
const emptyDisk = {
  location: 'eastus',
  properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 1 },
}

describe('sign-in', () => {
  const signIn = (changes: Record<string, string>, tenant = bare.cloud.credentials['tenant_id']) =>
    bare.raw.send(
      'POST',
      `/${tenant}/oauth2/v2.0/token`,
      {},
      new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: bare.cloud.credentials['client_id'] ?? '',
        client_secret: bare.cloud.credentials['client_secret'] ?? '',
        scope: 'https://management.azure.com/.default',
        ...changes,
      }).toString(),
    )

  test('only the right secret, application, tenant and scope give a token', async () => {
    expect((await signIn({})).json['token_type']).toBe('Bearer')
    expect((await signIn({ client_secret: 'guess' })).text).toContain('AADSTS7000215')
    expect((await signIn({ client_id: 'other' })).text).toContain('AADSTS700016')
    expect((await signIn({}, 'elsewhere')).text).toContain('AADSTS90002')
    expect((await signIn({ scope: 'https://graph.microsoft.com/.default' })).text).toContain('AADSTS1002012')
  })

  test('a request without a token, or with one that was tampered with, is 401', async () => {
    const url = `/subscriptions/${bare.cloud.credentials['subscription_id']}?${resources}`
    expect(await refusal(bare.raw.send('GET', url))).toEqual([401, 'AuthenticationFailed'])
    const { access_token } = (await signIn({})).json
    const forged = `${String(access_token).slice(0, -2)}xx`
    expect(await refusal(bare.raw.send('GET', url, { authorization: `Bearer ${forged}` }))).toEqual([
      401,
      'InvalidAuthenticationToken',
    ])
  })
})

describe('every request', () => {
  test('needs the api-version its type is known in', async () => {
    expect(await refusal(bare.raw.arm('GET', `${group}/Microsoft.Compute/disks/d`))).toEqual([
      400,
      'MissingApiVersionParameter',
    ])
    expect(await refusal(bare.raw.arm('GET', `${group}/Microsoft.Compute/disks/d?${compute}`))).toEqual([
      400,
      'NoRegisteredProviderFound',
    ])
  })

  test('finds its words in any case', async () => {
    expect(
      await refusal(bare.raw.arm('GET', `/RESOURCEGROUPS/G/providers/microsoft.compute/DISKS/d?${storage}`)),
    ).toEqual([404, 'ResourceNotFound'])
  })

  test('for a group, a subscription or a type that does not exist is refused', async () => {
    expect(await refusal(bare.raw.arm('PUT', diskPath('d').replace('/g/', '/none/'), emptyDisk))).toEqual([
      404,
      'ResourceGroupNotFound',
    ])
    expect(await refusal(bare.raw.arm('GET', `/providers/Microsoft.Compute/hosts?${compute}`))).toEqual([
      404,
      'InvalidResourceType',
    ])
  })

  test('may not say what this cloud does not know, at any depth', async () => {
    expect(await refusal(bare.raw.arm('PUT', diskPath('d'), { ...emptyDisk, sizeGB: 1 }))).toEqual([
      400,
      'InvalidRequestContent',
    ])
    const deep = { ...emptyDisk, properties: { ...emptyDisk.properties, encrypted: true } }
    expect(await refusal(bare.raw.arm('PUT', diskPath('d'), deep))).toEqual([400, 'InvalidRequestContent'])
    expect(
      await refusal(bare.raw.arm('PUT', diskPath('d'), { ...emptyDisk, sku: { name: 'Fast' } })),
    ).toEqual([400, 'InvalidParameter'])
    expect(await refusal(bare.raw.arm('PUT', diskPath('d'), { location: 'eastus', properties: {} }))).toEqual(
      [400, 'InvalidParameter'],
    )
    expect(await refusal(bare.raw.arm('PUT', diskPath('d'), { ...emptyDisk, location: 'mars' }))).toEqual([
      400,
      'LocationNotAvailableForResourceType',
    ])
    expect(bare.cloud.residue().filter(({ kind }) => kind === 'disk')).toEqual([])
  })

  test('is answered with a request id and the budget that is left', async () => {
    const { headers } = await bare.raw.arm('GET', `?${resources}`)
    expect(headers['x-ms-request-id']).toMatch(/^[\da-f-]{36}$/)
    expect(headers['x-ms-ratelimit-remaining-subscription-reads']).toBe('11999')
  })
})

describe('a PUT on what exists', () => {
  test('is fine with the same content, and refused where it would change what cannot change', async () => {
    const upload = (uploadSizeBytes: number) => ({
      location: 'eastus',
      properties: { creationData: { createOption: 'Upload', uploadSizeBytes } },
    })
    const size = 20 * 2 ** 20 + 512
    expect((await bare.raw.arm('PUT', diskPath('same'), upload(size))).status).toBe(202)
    expect((await bare.raw.arm('PUT', diskPath('same'), upload(size))).status).toBe(202)
    expect(await refusal(bare.raw.arm('PUT', diskPath('same'), upload(size + 2 ** 20)))).toEqual([
      409,
      'PropertyChangeNotAllowed',
    ])
    expect(
      await refusal(bare.raw.arm('PUT', diskPath('same'), { ...upload(size), location: 'westus2' })),
    ).toEqual([409, 'InvalidResourceLocation'])
    await bare.raw.arm('DELETE', diskPath('same'))
  })
})

describe('lists', () => {
  test('come in pages whose absolute links lead to the end, and a made-up link is refused', async () => {
    for (const name of ['l1', 'l2', 'l3', 'l4', 'l5']) await bare.raw.arm('PUT', diskPath(name), emptyDisk)
    const first = await bare.raw.arm('GET', `${group}/Microsoft.Compute/disks?${storage}`)
    expect(first.json.value).toHaveLength(2)
    expect(first.json.nextLink).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/subscriptions\//)
    const second = await bare.raw.arm('GET', underSubscription(first.json.nextLink))
    const third = await bare.raw.arm('GET', underSubscription(second.json.nextLink))
    expect([second.json.value?.length, third.json.value?.length, third.json.nextLink]).toEqual([
      2,
      1,
      undefined,
    ])
    expect(
      await refusal(bare.raw.arm('GET', `${group}/Microsoft.Compute/disks?${storage}&$skiptoken=eA`)),
    ).toEqual([400, 'InvalidSkipToken'])
    for (const name of ['l1', 'l2', 'l3', 'l4', 'l5']) await bare.raw.arm('DELETE', diskPath(name))
  })
})

describe('interfaces', () => {
  const nic = `${group}/Microsoft.Network/networkInterfaces/n?${networking}`
  const subnet = () =>
    `/subscriptions/${bare.cloud.credentials['subscription_id']}${group}/Microsoft.Network/virtualNetworks/v/subnets/default`
  const body = () => ({
    location: 'eastus',
    properties: { ipConfigurations: [{ name: 'primary', properties: { subnet: { id: subnet() } } }] },
  })

  test('need a subnet that exists, and keep their address', async () => {
    expect(await refusal(bare.raw.arm('PUT', nic, body()))).toEqual([400, 'InvalidResourceReference'])
    await bare.raw.arm('PUT', `${group}/Microsoft.Network/virtualNetworks/v?${networking}`, {
      location: 'eastus',
      properties: {
        addressSpace: { addressPrefixes: ['10.9.0.0/16'] },
        subnets: [{ name: 'default', properties: { addressPrefix: '10.9.0.0/16' } }],
      },
    })
    const made = await bare.raw.arm('PUT', nic, body())
    expect(made.status).toBe(201)
    expect(made.text).toContain('10.9.0.4')
    expect((await bare.raw.arm('PUT', nic, body())).text).toContain('10.9.0.4')
    expect((await bare.raw.arm('DELETE', nic)).status).toBe(202)
    expect((await bare.raw.arm('DELETE', nic)).status).toBe(204)
  })
})

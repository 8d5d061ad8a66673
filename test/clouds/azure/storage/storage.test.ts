import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareAzure } from '#test/clouds/azure/harness.ts'

const azure = bareAzure()
const version = 'api-version=2026-09-01'
const account = 'acctest'
const path = `/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/${account}`
const body = { location: 'eastus', kind: 'StorageV2', sku: { name: 'Standard_LRS' } }

/** A token for the data plane. */
async function dataToken(scope = 'https://storage.azure.com/.default'): Promise<string> {
  const { tenant_id, client_id = '', client_secret = '' } = azure.cloud.credentials
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret, scope })
  const reply = await azure.raw.send('POST', `/${tenant_id}/oauth2/v2.0/token`, {}, form.toString())
  return String(reply.json['access_token'])
}

let token = ''
const blob = (method: string, rest: string, headers: Record<string, string> = {}, data?: Buffer | string) =>
  azure.raw.send(
    method,
    `/${account}/data${rest}`,
    { authorization: `Bearer ${token}`, 'x-ms-version': '2025-11-05', ...headers },
    data,
  )

beforeAll(async () => {
  token = await dataToken()
  await azure.raw.arm('PUT', `${path}?${version}`, body)
  await azure.raw.arm('PUT', `${path}/blobServices/default/containers/data?${version}`, {})
})
afterAll(() => azure.cloud.clearFaults())

describe('accounts and what is in them are refused', () => {
  const rule = (changes: object) => ({
    properties: {
      policy: {
        rules: [
          {
            name: 'r',
            type: 'Lifecycle',
            definition: {
              filters: { blobTypes: ['blockBlob'] },
              actions: { baseBlob: { delete: { daysAfterCreationGreaterThan: 1 } } },
            },
            ...changes,
          },
        ],
      },
    },
  })
  const policy = `${path}/managementPolicies/default`
  const container = `${path}/blobServices/default/containers`
  const table: [what: string, path: string, body: object, status: number, code: string][] = [
    ['with a name in capitals', path.replace(account, 'ACC'), body, 400, 'AccountNameInvalid'],
    ['that move to another region', path, { ...body, location: 'westus2' }, 409, 'InvalidResourceLocation'],
    ['with a member that Azure does not know', path, { ...body, plan: 'x' }, 400, 'InvalidRequestContent'],
    ['with a size that is none', path, { ...body, sku: { name: 'Tiny' } }, 400, 'InvalidParameter'],
    [
      'public, where the account does not allow it',
      `${container}/open`,
      { properties: { publicAccess: 'Blob' } },
      409,
      'PublicAccessNotPermitted',
    ],
    ['with an underscore', `${container}/a_b`, {}, 400, 'ContainerNameInvalid'],
    ['without a rule', policy, { properties: { policy: { rules: [] } } }, 400, 'InvalidRequestPropertyValue'],
    ['with a rule of another type', policy, rule({ type: 'Other' }), 400, 'InvalidParameter'],
    [
      'with a rule that lacks its definition',
      policy,
      rule({ definition: undefined }),
      400,
      'InvalidParameter',
    ],
  ]
  test.for(table)('%s', async ([, to, given, status, code]) => {
    const reply = await azure.raw.arm('PUT', `${to}?${version}`, given)
    expect([reply.status, reply.json.error?.code]).toEqual([status, code])
  })

  test('when another group has the name', async () => {
    await azure.raw.arm('PUT', '/resourceGroups/h?api-version=2025-04-01', { location: 'eastus' })
    const reply = await azure.raw.arm('PUT', `${path.replace('/g/', '/h/')}?${version}`, body)
    expect([reply.status, reply.json.error?.code]).toEqual([409, 'StorageAccountAlreadyTaken'])
  })
})

describe('the blob service refuses', () => {
  const id = Buffer.from('block-1').toString('base64')
  const longer = Buffer.from('block-12').toString('base64')
  const cases: [what: string, send: () => ReturnType<typeof blob>, status: number, code: string][] = [
    [
      'a token for another audience',
      async () =>
        blob('GET', '/k', {
          authorization: `Bearer ${await dataToken('https://management.azure.com/.default')}`,
        }),
      401,
      'InvalidAuthenticationTokenAudience',
    ],
    ['no token', () => blob('GET', '/k', { authorization: '' }), 401, 'AuthenticationFailed'],
    [
      'a header it does not know',
      () => blob('GET', '/k', { 'x-ms-colour': 'red' }),
      400,
      'UnsupportedHeader',
    ],
    ['a parameter it does not know', () => blob('GET', '/k?colour=red'), 400, 'UnsupportedQueryParameter'],
    ['what is not there', () => blob('GET', '/none'), 404, 'BlobNotFound'],
    [
      'a marker it did not give',
      () => blob('GET', '?restype=container&comp=list&marker=7'),
      400,
      'InvalidQueryParameterValue',
    ],
    [
      'a block that is not what its checksum says',
      () =>
        blob(
          'PUT',
          `/k?comp=block&blockid=${encodeURIComponent(id)}`,
          { 'content-md5': createHash('md5').update('other').digest('base64') },
          'data',
        ),
      400,
      'Md5Mismatch',
    ],
    [
      'a list with a block that was never staged',
      () => blob('PUT', '/k?comp=blocklist', {}, `<BlockList><Latest>${longer}</Latest></BlockList>`),
      400,
      'InvalidBlockList',
    ],
    [
      'a page blob of no whole pages',
      () => blob('PUT', '/p', { 'x-ms-blob-type': 'PageBlob', 'x-ms-blob-content-length': '700' }),
      400,
      'InvalidHeaderValue',
    ],
    [
      'a copy of what nobody may read',
      () => blob('PUT', '/c', { 'x-ms-copy-source': `${azure.cloud.url}/md-x/y/abcd?sig=z` }),
      403,
      'CannotVerifyCopySource',
    ],
  ]
  test.for(cases)('%s', async ([, send, status, code]) => {
    const reply = await send()
    expect(reply.status).toBe(status)
    expect([reply.headers['x-ms-error-code'], /<Code>(\w+)</.exec(reply.text)?.[1]]).toEqual([code, code])
  })

  test('block ids of different lengths in one blob', async () => {
    const stage = (blockId: string) =>
      blob('PUT', `/l?comp=block&blockid=${encodeURIComponent(blockId)}`, {}, 'x')
    expect((await stage(id)).status).toBe(201)
    expect((await stage(longer)).headers['x-ms-error-code']).toBe('InvalidBlobOrBlock')
  })

  test('to read on when the blob is another by now', async () => {
    await blob('PUT', '/e', { 'x-ms-blob-type': 'BlockBlob' }, 'one')
    const { etag } = (await blob('HEAD', '/e')).headers
    await blob('PUT', '/e', { 'x-ms-blob-type': 'BlockBlob' }, 'two')
    expect((await blob('GET', '/e', { 'if-match': String(etag) })).status).toBe(412)
  })
})

test('with versioning, what was replaced or deleted stays as a version', async () => {
  await azure.raw.arm('PUT', `${path}/blobServices/default?${version}`, {
    properties: { isVersioningEnabled: true },
  })
  for (const text of ['one', 'two']) await blob('PUT', '/v', { 'x-ms-blob-type': 'BlockBlob' }, text)
  expect((await blob('DELETE', '/v')).status).toBe(202)
  const listed = async (include: string) => {
    const { text } = await blob('GET', `?restype=container&comp=list&prefix=v${include}`)
    return [...text.matchAll(/<Name>v</g)].length
  }
  expect([await listed(''), await listed('&include=versions')]).toEqual([0, 2])
})

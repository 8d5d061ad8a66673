import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { RestRequest } from '#shared/clouds/gcp/client.ts'
import { openParts } from '#test/shared/clouds/gcp/parts.ts'

type Wish = Omit<RestRequest, 'service'>

/** Plain requests to the loopback Cloud Storage, past the adapter's own checks. */
async function open(pageLimit?: number) {
  const { gcp } = await openParts(pageLimit === undefined ? {} : { pageLimit })
  const ask = (request: Wish) => gcp.rest('raw', { service: 'storage', ...request })
  const send = (request: Wish) => gcp.send('raw', { service: 'storage', ...request })
  const insert = (body: object) =>
    ask({ method: 'POST', path: '/storage/v1/b', query: { project: gcp.project }, body })
  const put = (name: string, data: string, query = {}, headers = {}) =>
    ask({
      method: 'POST',
      path: '/upload/storage/v1/b/acme-data/o',
      query: { uploadType: 'media', name, ...query },
      headers: { 'content-type': 'text/plain', ...headers },
      body: Buffer.from(data),
    })
  await insert({ name: 'acme-data', location: 'us-central1' })
  return { ask, send, insert, put }
}

const refusal = (vendorCode: string, message: RegExp | string = '') => ({
  vendorCode,
  message: expect.stringMatching(message) as string,
})

describe('the loopback Cloud Storage', () => {
  test('unknown parameters and fields are refused by their names', async () => {
    const { ask, insert } = await open()
    const list = { method: 'GET' as const, path: '/storage/v1/b/acme-data/o' }
    await expect(ask({ ...list, query: { prefx: 'a' } })).rejects.toMatchObject(
      refusal('invalidParameter', /prefx/),
    )
    await expect(ask({ ...list, query: { maxResults: 'many' } })).rejects.toMatchObject(
      refusal('invalid', /many/),
    )
    await expect(ask({ ...list, query: { pageToken: 'bm9uZQ' } })).rejects.toMatchObject(
      refusal('invalid', /page token/),
    )
    await expect(insert({ name: 'acme-other', labls: {} })).rejects.toMatchObject(refusal('invalid', /labls/))
    await expect(insert({ name: 'acme-other', labels: { Team: 'x' } })).rejects.toMatchObject(
      refusal('invalid', /Team/),
    )
    const lifecycle = { rule: [{ action: { type: 'Delete' }, condition: {} }] }
    await expect(insert({ name: 'acme-other', lifecycle })).rejects.toMatchObject(
      refusal('invalid', /condition/),
    )
  })

  test.for(['UPPER', 'a', 'goog-mine', 'my-google-bucket', '10.0.0.1', '-a-', 'x'.repeat(64)])(
    'a bucket cannot be called %s',
    async (name) => {
      const { insert } = await open()
      await expect(insert({ name })).rejects.toMatchObject(refusal('invalid', /bucket name/))
    },
  )

  test('bytes that do not have the checksum that was said are not kept', async () => {
    const { ask, put } = await open()
    const md5 = createHash('md5').update('other').digest('base64')
    await expect(put('x', 'these', {}, { 'x-goog-hash': `md5=${md5}` })).rejects.toMatchObject(
      refusal('invalid', /MD5/),
    )
    await expect(put('x', 'these', {}, { 'x-goog-hash': 'crc32c=AAAAAA==' })).rejects.toMatchObject(
      refusal('invalid', /CRC32C/),
    )
    await expect(ask({ method: 'GET', path: '/storage/v1/b/acme-data/o/x' })).rejects.toMatchObject(
      refusal('notFound'),
    )
  })

  test('a write that counts on a version that is not there any more is refused', async () => {
    const { ask, put } = await open()
    const first = (await put('x', 'one', { ifGenerationMatch: 0 })) as { generation: string }
    await expect(put('x', 'two', { ifGenerationMatch: 0 })).rejects.toMatchObject(refusal('conditionNotMet'))
    await put('x', 'two', { ifGenerationMatch: first.generation })
    const old = { ifGenerationMatch: first.generation }
    await expect(
      ask({ method: 'DELETE', path: '/storage/v1/b/acme-data/o/x', query: old }),
    ).rejects.toMatchObject(refusal('conditionNotMet'))
  })

  test('a resumable upload takes whole quanta until its last piece, and says how far it is', async () => {
    const { send } = await open()
    const path = '/upload/storage/v1/b/acme-data/o'
    const begun = await send({
      method: 'POST',
      path,
      query: { uploadType: 'resumable', name: 'x' },
      body: {},
    })
    const query = Object.fromEntries(new URL(begun.headers.get('location') ?? '').searchParams)
    const put = (range: string, body: Buffer) =>
      send({ method: 'PUT', path, query, headers: { 'content-range': range }, body })
    const quantum = 256 * 1024
    const some = await put(`bytes 0-${quantum + 99}/*`, Buffer.alloc(quantum + 100))
    expect([some.status, some.headers.get('range')]).toEqual([308, `bytes=0-${quantum - 1}`])
    const asked = await put('bytes */*', Buffer.alloc(0))
    expect([asked.status, asked.headers.get('range')]).toEqual([308, `bytes=0-${quantum - 1}`])
    await expect(put('bytes 0-9/400000', Buffer.alloc(11))).rejects.toMatchObject(
      refusal('invalid', /Content-Range/),
    )
    const last = await put(`bytes ${quantum}-${quantum + 99}/${quantum + 100}`, Buffer.alloc(100, 1))
    expect(await last.json()).toMatchObject({ size: String(quantum + 100) })
    const again = await put(`bytes */${quantum + 100}`, Buffer.alloc(0))
    expect(again.status).toBe(200)
  })

  test('ranges are cut at the end, and one that begins beyond it is 416', async () => {
    const { send, put } = await open()
    await put('x', 'hello world')
    const get = (range: string) =>
      send({
        method: 'GET',
        path: '/storage/v1/b/acme-data/o/x',
        query: { alt: 'media' },
        headers: { range },
      })
    const part = await get('bytes=6-99')
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
      206,
      'bytes 6-10/11',
      'world',
    ])
    expect(await (await get('bytes=-3')).text()).toBe('rld')
    await expect(get('bytes=11-')).rejects.toMatchObject(refusal('requestedRangeNotSatisfiable'))
  })

  test('a bucket whose public access is prevented cannot be opened by a policy', async () => {
    const { ask, insert } = await open()
    await insert({ name: 'acme-shut', iamConfiguration: { publicAccessPrevention: 'enforced' } })
    const bindings = [{ role: 'roles/storage.objectViewer', members: ['allUsers'] }]
    await expect(
      ask({ method: 'PUT', path: '/storage/v1/b/acme-shut/iam', body: { bindings } }),
    ).rejects.toMatchObject(refusal('conditionNotMet', /public access prevention/))
  })

  test('lists fold what is below a delimiter, and page in the order of the keys', async () => {
    const { ask, put } = await open(2)
    for (const name of ['b', 'a/1', 'a/2', 'Ä', 'z']) await put(name, name)
    const list = async (query: object) =>
      (await ask({ method: 'GET', path: '/storage/v1/b/acme-data/o', query: { ...query } })) as {
        items?: { name: string }[]
        prefixes?: string[]
        nextPageToken?: string
      }
    const first = await list({ delimiter: '/' })
    expect([first.items?.map(({ name }) => name), first.prefixes]).toEqual([['b', 'z'], ['a/']])
    const rest = await list({ delimiter: '/', pageToken: first.nextPageToken })
    expect(rest.items?.map(({ name }) => name)).toEqual(['Ä'])
    await expect(list({ prefix: 'a', pageToken: first.nextPageToken })).rejects.toMatchObject(
      refusal('invalid'),
    )
  })
})

import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, type AzureClient } from '#shared/clouds/azure/client.ts'
import { createServices } from '#shared/clouds/azure/services.ts'
import { readSettings } from '#shared/clouds/azure/settings.ts'
import { createRaw, type Raw } from '#test/clouds/azure/raw.ts'
import { openSubject, region } from '#test/shared/clouds/azure/subject.ts'
import { intentOf, newJob } from '#test/shared/clouds/conformance/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

let client: AzureClient
let services: ReturnType<typeof createServices>

const subject = useSubject(() => openSubject({ pageSize: 3 }))
beforeAll(async () => {
  client = await connect(readSettings(subject.settings))
  services = createServices(client)
})
afterAll(() => client.close())

let made = 0
const request = (changes = {}) => ({
  ...intentOf(newJob()),
  region,
  name: `bucket-${(made += 1)}`,
  versioning: false,
  lifecycle: [],
  ...changes,
})

const bytes = async (parts: AsyncIterable<Buffer>): Promise<Buffer> => {
  const all: Buffer[] = []
  for await (const part of parts) all.push(part)
  return Buffer.concat(all)
}

async function* inParts(data: Buffer, partBytes = 1000): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += partBytes) yield data.subarray(at, at + partBytes)
}

describe('a bucket', () => {
  test('is a container of an account of its own, encrypted and closed to the public for good', async () => {
    const wanted = request({
      versioning: true,
      lifecycle: [{ id: 'old', prefix: 'logs/', coolAfterDays: 30, expireAfterDays: 90 }],
    })
    const ref = await services.buckets.create(wanted)
    expect(ref.id).toMatch(new RegExp(`^nc[0-9a-f]{22}/${wanted.name}$`))
    expect(await services.buckets.get(ref)).toMatchObject({
      id: ref.id,
      encrypted: true,
      versioning: true,
      access: 'blocked',
      lifecycle: wanted.lifecycle,
      tags: wanted.tags,
    })
    expect(await services.buckets.get({ region, id: wanted.name })).toMatchObject({ id: ref.id })
  })

  test('of the same token is made once, of another token refused', async () => {
    const wanted = request()
    const first = await services.buckets.create(wanted)
    expect(await services.buckets.create(wanted)).toEqual(first)
    await expect(services.buckets.create({ ...request(), name: wanted.name })).rejects.toMatchObject({
      code: 'conflict',
      retryable: false,
    })
  })

  test('keeps the rules it is given and no others', async () => {
    const ref = await services.buckets.create(request())
    const rule = { id: 'archive', prefix: '', archiveAfterDays: 10 }
    await services.buckets.setLifecycle(ref, [rule])
    expect((await services.buckets.get(ref))?.lifecycle).toEqual([rule])
    await services.buckets.setLifecycle(ref, [])
    expect((await services.buckets.get(ref))?.lifecycle).toEqual([])
  })

  test('that holds objects is deleted only when asked to be deleted with them', async () => {
    const ref = await services.buckets.create(request())
    await services.objects.write(ref, { key: 'a', sizeBytes: 1, body: inParts(Buffer.from('a')) })
    await expect(services.buckets.delete(ref, { withObjects: false })).rejects.toMatchObject({
      code: 'conflict',
    })
    await services.buckets.delete(ref, { withObjects: true })
    expect(await services.buckets.get(ref)).toBeUndefined()
    await services.buckets.delete(ref, { withObjects: true })
    expect(subject.loopback.residue().filter(({ id }) => id.includes(ref.id.split('/')[0] ?? ''))).toEqual([])
  })

  test('with a key of the user needs an identity that may use it, and says so before anything is made', async () => {
    subject.loopback.clearCalls()
    await expect(
      services.buckets.create(request({ encryption: { keyId: 'https://v.vault.azure.net/keys/k' } })),
    ).rejects.toMatchObject({ code: 'invalid_request', details: { field: 'encryption.key_id' } })
    expect(subject.loopback.calls().filter(({ mutating }) => mutating)).toEqual([])
  })
})

describe('an object', () => {
  test('of several blocks reads as it was written, whole and in part', async () => {
    const ref = await services.buckets.create(request())
    const data = randomBytes(9 * 2 ** 20 + 17)
    await services.objects.write(ref, {
      key: 'dir/big ü',
      sizeBytes: data.length,
      body: inParts(data, 700_001),
    })
    expect((await bytes(services.objects.read(ref, { key: 'dir/big ü' }))).equals(data)).toBe(true)
    const part = await bytes(
      services.objects.read(ref, { key: 'dir/big ü', offset: 4 * 2 ** 20 - 5, length: 10 }),
    )
    expect(part.equals(data.subarray(4 * 2 ** 20 - 5, 4 * 2 ** 20 + 5))).toBe(true)
    const staged = subject.loopback.calls().filter(({ operation }) => operation === 'BlockBlob_StageBlock')
    expect(staged.length).toBeGreaterThanOrEqual(3)
  })

  test('is written though the reply to its commit is lost', async () => {
    const ref = await services.buckets.create(request())
    subject.loopback.inject({ operation: 'BlockBlob_CommitBlockList', mode: 'drop_reply' })
    await services.objects.write(ref, { key: 'k', sizeBytes: 3, body: inParts(Buffer.from('new')) })
    expect((await bytes(services.objects.read(ref, { key: 'k' }))).toString()).toBe('new')
  })

  test('is not replaced by a body of another size than was said', async () => {
    const ref = await services.buckets.create(request())
    await services.objects.write(ref, { key: 'k', sizeBytes: 3, body: inParts(Buffer.from('old')) })
    for (const sizeBytes of [2, 4]) {
      await expect(
        services.objects.write(ref, { key: 'k', sizeBytes, body: inParts(Buffer.from('new')) }),
      ).rejects.toMatchObject({ code: 'invalid_request' })
    }
    expect((await bytes(services.objects.read(ref, { key: 'k' }))).toString()).toBe('old')
  })

  test('that arrives altered is refused, and one that is read altered is noticed', async () => {
    const ref = await services.buckets.create(request())
    await services.objects.write(ref, { key: 'k', sizeBytes: 3, body: inParts(Buffer.from('abc')) })
    subject.loopback.inject({ operation: 'Blob_Download', mode: 'corrupt_read' })
    await expect(bytes(services.objects.read(ref, { key: 'k' }))).rejects.toMatchObject({ code: 'integrity' })
  })

  test('list comes over many pages, by prefix, and empty objects are objects', async () => {
    const ref = await services.buckets.create(request())
    const keys = Array.from({ length: 11 }, (_, index) => `p/${String(index).padStart(2, '0')}`)
    for (const key of [...keys, 'q'])
      await services.objects.write(ref, { key, sizeBytes: 0, body: inParts(Buffer.alloc(0)) })
    const found: string[] = []
    for await (const { key, sizeBytes } of services.objects.list(ref, { prefix: 'p/' })) {
      expect(sizeBytes).toBe(0)
      found.push(key)
    }
    expect(found).toEqual(keys)
    await services.objects.delete(ref, 'p/00')
    await services.objects.delete(ref, 'p/00')
    await expect(bytes(services.objects.read(ref, { key: 'p/00' }))).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  test('named as a VHD is a page blob, with its zeros left out', async () => {
    const ref = await services.buckets.create(request())
    const data = Buffer.alloc(12 * 2 ** 20)
    randomBytes(512).copy(data, 5 * 2 ** 20)
    subject.loopback.clearCalls()
    await services.objects.write(ref, {
      key: 'disk.vhd',
      sizeBytes: data.length,
      body: inParts(data, 2 ** 20),
    })
    expect((await bytes(services.objects.read(ref, { key: 'disk.vhd' }))).equals(data)).toBe(true)
    const operations = subject.loopback.calls().map(({ operation }) => operation)
    expect(operations.filter((each) => each === 'PageBlob_UploadPages')).toHaveLength(1)
  })
})

test('buckets of the region are listed over many pages, each once', async () => {
  const names = new Set<string>()
  for (let index = 0; index < 8; index++) names.add((await services.buckets.create(request())).id)
  const found: string[] = []
  for await (const { id } of services.buckets.list({ region })) found.push(id)
  expect(new Set(found).size).toBe(found.length)
  expect([...names].every((id) => found.includes(id))).toBe(true)
})

describe('a container in an account that others made', () => {
  const place = '/resourceGroups/theirs/providers/Microsoft.Storage/storageAccounts/theiraccount'
  const version = 'api-version=2026-09-01'
  const ref = { region, id: 'theiraccount/data' }
  let raw: Raw
  const put = async (path: string, body: object) => {
    const { status, text } = await raw.arm('PUT', path, body)
    if (status >= 300) throw new Error(text)
  }

  beforeAll(async () => {
    raw = createRaw(subject.loopback)
    await put('/resourceGroups/theirs?api-version=2025-04-01', { location: region })
    await put(`${place}?${version}`, { location: region, kind: 'StorageV2', sku: { name: 'Standard_GRS' } })
    await new Promise((resolve) => void setTimeout(resolve, 30))
    for (const name of ['data', 'other'])
      await put(`${place}/blobServices/default/containers/${name}?${version}`, {})
    const theirs = {
      enabled: true,
      name: 'theirs',
      type: 'Lifecycle',
      definition: {
        filters: { blobTypes: ['blockBlob'], prefixMatch: ['other/'] },
        actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 5 } } },
      },
    }
    await put(`${place}/managementPolicies/default?${version}`, {
      properties: { policy: { rules: [theirs] } },
    })
  })
  afterAll(() => raw.close())

  test('is found by its id, though in another group', async () => {
    expect(await services.buckets.get(ref)).toMatchObject({ id: ref.id, lifecycle: [] })
  })

  test('gets rules of its own beside those of its neighbours', async () => {
    const rule = { id: 'mine', prefix: '', expireAfterDays: 1 }
    await services.buckets.setLifecycle(ref, [rule])
    expect((await services.buckets.get(ref))?.lifecycle).toEqual([rule])
    await services.buckets.setLifecycle(ref, [])
    expect((await services.buckets.get({ region, id: 'theiraccount/other' }))?.lifecycle).toEqual([
      { id: 'theirs', prefix: '', expireAfterDays: 5 },
    ])
  })

  test('is deleted without its neighbours', async () => {
    await services.buckets.delete(ref, { withObjects: true })
    expect(await services.buckets.get(ref)).toBeUndefined()
    expect(await services.buckets.get({ region, id: 'theiraccount/other' })).toBeDefined()
  })
})

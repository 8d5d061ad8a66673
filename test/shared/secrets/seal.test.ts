import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { afterAll, expect, test } from 'vitest'
import { localKeyring, openKeyring } from '#shared/secrets/keyring.ts'
import { open, rewrap, seal, type SealScope } from '#shared/secrets/seal.ts'

const ring = localKeyring([Buffer.alloc(32, 1)])
const scope: SealScope = { tenantId: 'acme', id: 'provider:aws-prod', version: 1 }
const secret = Buffer.from('{"secret_access_key":"sEcReT"}')
const folder = mkdtempSync('/tmp/novacron-seal-')
afterAll(() => rmSync(folder, { recursive: true }))

test('what was sealed opens to the same bytes, and shows none of them', async () => {
  const sealed = await seal(ring, scope, secret)
  expect(sealed.sealed.includes('sEcReT')).toBe(false)
  expect(await open(ring, scope, sealed)).toEqual(secret)
})

test('the same secret sealed twice has nothing in common', async () => {
  const [one, two] = [await seal(ring, scope, secret), await seal(ring, scope, secret)]
  expect(one.sealed.equals(two.sealed)).toBe(false)
})

test.each([
  ['another tenant', { ...scope, tenantId: 'evil' }],
  ['another credential', { ...scope, id: 'provider:azure-prod' }],
  ['an older version', { ...scope, version: 0 }],
  ['parts that only run together the same', { ...scope, tenantId: 'acmeprovider:', id: 'aws-prod' }],
])('moved to the row of %s it does not open', async (_case, other) => {
  const sealed = await seal(ring, scope, secret)
  await expect(open(ring, other, sealed)).rejects.toMatchObject({ code: 'secret_unreadable' })
})

test('with any one byte altered it does not open, and the error shows nothing', async () => {
  const { keyId, sealed } = await seal(ring, scope, secret)
  for (let at = 0; at < sealed.length; at++) {
    const altered = Buffer.from(sealed)
    altered[at] = (altered[at] ?? 0) ^ 1
    const error: unknown = await open(ring, scope, { keyId, sealed: altered }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error, `byte ${at}`).toMatchObject({ code: 'secret_unreadable' })
    expect(String(error)).not.toContain('sEcReT')
  }
  await expect(open(ring, scope, { keyId, sealed: sealed.subarray(0, 20) })).rejects.toMatchObject({
    code: 'secret_unreadable',
  })
  await expect(open(ring, scope, { keyId, sealed: Buffer.alloc(0) })).rejects.toMatchObject({
    code: 'secret_unreadable',
  })
})

test('a key that is not on the ring is named, with the remedy', async () => {
  const sealed = await seal(ring, scope, secret)
  const error = open(localKeyring([Buffer.alloc(32, 2)]), scope, sealed)
  await expect(error).rejects.toMatchObject({
    code: 'secret_key_unknown',
    remedy: expect.stringContaining('SECRETS_KEY'),
  })
})

test('a new key takes over: old secrets open, are rewrapped without being opened, and then need the old key no more', async () => {
  const [older, newer] = [Buffer.alloc(32, 1), Buffer.alloc(32, 9)]
  const sealed = await seal(localKeyring([older]), scope, secret)
  const both = localKeyring([newer, older])
  expect(await open(both, scope, sealed)).toEqual(secret)
  const moved = await rewrap(both, scope, sealed)
  expect(moved.keyId).toBe(both.currentKeyId)
  expect(await open(localKeyring([newer]), scope, moved)).toEqual(secret)
})

test('a generated key is private and the same for every process of the folder; a configured one is used instead', async () => {
  const one = openKeyring({ STATE_DIR: folder, SECRETS_KEY: undefined })
  const two = openKeyring({ STATE_DIR: folder, SECRETS_KEY: undefined })
  expect(await open(two, scope, await seal(one, scope, secret))).toEqual(secret)
  expect(statSync(`${folder}/keys/secrets.key`).mode & 0o777).toBe(0o600)
  const configured = openKeyring({ STATE_DIR: folder, SECRETS_KEY: randomBytes(32).toString('base64') })
  expect(configured.currentKeyId).not.toBe(one.currentKeyId)
})

test('a retired key still opens what it sealed, and seals nothing new', async () => {
  const [older, newer] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')]
  const sealed = await seal(openKeyring({ STATE_DIR: folder, SECRETS_KEY: older }), scope, secret)
  const both = openKeyring({ STATE_DIR: folder, SECRETS_KEY: newer, SECRETS_KEYS_RETIRED: older })
  expect(await open(both, scope, sealed)).toEqual(secret)
  expect((await seal(both, scope, secret)).keyId).not.toBe(sealed.keyId)
})

import { createServer } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { base64url, exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { tokenKeys } from '#api/auth/keys.ts'
import { signToken, tokenVerifier } from '#api/auth/tokens.ts'
import { secret } from '../harness.ts'

const config = { JWT_ISSUER: 'novacron', JWT_AUDIENCE: 'novacron' }
const keys = { kind: 'secret' as const, key: secret, algorithms: ['HS256'] as ['HS256'], generated: false }
const verify = async (token: string) => tokenVerifier(config, keys)(token)

const claims = { tenant: 'acme', roles: ['viewer'], sub: 'me', iss: 'novacron', aud: 'novacron' }
const sign = (
  changes: Record<string, unknown> = {},
  options: { key?: Uint8Array; alg?: string; exp?: string | number | Date } = {},
) => {
  const jwt = new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg: options.alg ?? 'HS256' })
  return (options.exp === undefined ? jwt.setExpirationTime('1h') : jwt.setExpirationTime(options.exp)).sign(
    options.key ?? secret,
  )
}

test('a good token tells tenant, subject, roles and their permissions', async () => {
  const principal = await verify(await sign({ roles: ['operator', 'unheard-of'] }))
  expect(principal).toMatchObject({ tenantId: 'acme', subject: 'me', roles: ['operator'] })
  expect(principal.permissions.has('vms:create')).toBe(true)
  expect(principal.permissions.has('providers:manage')).toBe(false)
})

test('the tenant may be in `tid`, and a single role a plain text', async () => {
  expect(await verify(await sign({ tenant: undefined, tid: 'acme', roles: 'admin' }))).toMatchObject({
    tenantId: 'acme',
    roles: ['admin'],
  })
})

test.each([
  ['another key', () => sign({}, { key: new TextEncoder().encode('another key of 32 bytes or more!') })],
  ['another algorithm', () => sign({}, { alg: 'HS512', key: Buffer.alloc(64, 1) })],
  ['another issuer', () => sign({ iss: 'someone' })],
  ['another audience', () => sign({ aud: 'another' })],
  ['an expiry in the past', () => sign({}, { exp: new Date(Date.now() - 60_000) })],
  ['no subject', () => sign({ sub: undefined })],
  ['no tenant', () => sign({ tenant: undefined })],
  ['a tenant that is no name', () => sign({ tenant: "a' or 1=1" })],
  ['no signature', () => Promise.resolve(new UnsecuredJWT(claims).setExpirationTime('1h').encode())],
  ['a start in the future', () => sign({ nbf: Math.floor(Date.now() / 1000) + 3600 })],
  ['nothing of a token', () => Promise.resolve('a.b.c')],
  [
    'a critical header that is not understood',
    async () => {
      const [, payload, signature] = (await sign()).split('.')
      return `${base64url.encode(JSON.stringify({ alg: 'HS256', crit: ['x'], x: 1 }))}.${payload}.${signature}`
    },
  ],
])('a token with %s is refused', async (_case, make) => {
  await expect(verify(await make())).rejects.toMatchObject({ status: 401, code: 'unauthenticated' })
})

test('a token without expiry is refused', async () => {
  const token = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(secret)
  await expect(verify(token)).rejects.toMatchObject({ status: 401 })
})

test('a remembered token is not good for longer than it says', async () => {
  let now = Date.now()
  const verifier = tokenVerifier(config, keys, () => now)
  const token = await signToken(config, secret, {
    tenant: 'acme',
    roles: ['viewer'],
    subject: 'me',
    ttlMs: 10_000,
  })
  await verifier(token)
  // Remembered: answered without waiting.
  expect(verifier(token)).not.toBeInstanceOf(Promise)
  now += 20_000
  await expect(async () => verifier(token)).rejects.toMatchObject({ status: 401 })
})

test('a generated key is private to its owner and the same for all who start at once', async () => {
  const { mkdtempSync, statSync, rmSync } = await import('node:fs')
  const folder = mkdtempSync('/tmp/novacron-keys-')
  try {
    const [one, two] = [
      tokenKeys({ STATE_DIR: folder, JWT_JWKS_URL: undefined, JWT_SECRET: undefined }),
      tokenKeys({ STATE_DIR: folder, JWT_JWKS_URL: undefined, JWT_SECRET: undefined }),
    ]
    expect(one.key).toEqual(two.key)
    expect(statSync(`${folder}/keys/jwt.key`).mode & 0o777).toBe(0o600)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

const pairs = new Map<string, Awaited<ReturnType<typeof generateKeyPair>>>()
let jwksUrl = ''
const server = createServer((request, response) => {
  if (request.url === '/jwks')
    void publicKeys().then((text) => response.setHeader('content-type', 'application/json').end(text))
  else response.writeHead(500).end()
})
const publicKeys = async () => {
  const keys_ = [...pairs].map(async ([alg, { publicKey }]) => ({
    ...(await exportJWK(publicKey)),
    alg,
    kid: alg,
    use: 'sig',
  }))
  return JSON.stringify({ keys: await Promise.all(keys_) })
}
beforeAll(async () => {
  for (const alg of ['RS256', 'ES256', 'EdDSA', 'ES384'])
    pairs.set(alg, await generateKeyPair(alg, { extractable: true }))
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  jwksUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
})
afterAll(() => void server.close())

const byKeySet = async (alg: string, path = '/jwks') => {
  const pair = pairs.get(alg)
  if (!pair) throw new Error(`no key for ${alg}`)
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg, kid: alg })
    .setExpirationTime('1h')
    .sign(pair.privateKey)
  return tokenVerifier(config, tokenKeys({ JWT_JWKS_URL: `${jwksUrl}${path}` } as never))(token)
}

test.each(['RS256', 'ES256', 'EdDSA'])(
  'tokens of an identity provider are verified by its key set (%s)',
  async (alg) => {
    expect(await byKeySet(alg)).toMatchObject({ tenantId: 'acme' })
  },
)

test('an algorithm that is not pinned is refused, though its key is in the set', async () => {
  await expect(byKeySet('ES384')).rejects.toMatchObject({ status: 401 })
})

test('a public key is never taken for a shared secret', async () => {
  const pair = pairs.get('RS256')
  const jwk = JSON.stringify(pair && (await exportJWK(pair.publicKey)))
  const token = await sign({}, { key: new TextEncoder().encode(jwk) })
  const verifier = tokenVerifier(config, tokenKeys({ JWT_JWKS_URL: `${jwksUrl}/jwks` } as never))
  await expect(async () => verifier(token)).rejects.toMatchObject({ status: 401 })
})

test('a key set that cannot be read is our trouble, not the token’s', async () => {
  await expect(byKeySet('RS256', '/broken')).rejects.toMatchObject({ status: 503, code: 'unavailable' })
})

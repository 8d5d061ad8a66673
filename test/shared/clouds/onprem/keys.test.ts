import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createPassphrases, keyNameFor } from '#shared/clouds/onprem/keys.ts'

const masterKey = randomBytes(32).toString('base64')
const credentials = { volume_key: masterKey, key_finance: randomBytes(32).toString('base64') }
const passphrase = createPassphrases({ credentials, providerId: 'home' })

describe('keys of volumes', () => {
  test('each name has a passphrase of its own, the same every time, of the key that it names', () => {
    const names = ['volume/vol-1', 'volume/vol-2', 'key_finance/vol-1', 'bucket/one']
    const passphrases = names.map(passphrase)
    expect(new Set(passphrases).size).toBe(names.length)
    expect(names.map(passphrase)).toEqual(passphrases)
    for (const each of passphrases) expect(Buffer.from(each, 'base64')).toHaveLength(32)
    const other = createPassphrases({
      credentials: { ...credentials, volume_key: 'b3RoZXI=' },
      providerId: 'home',
    })
    expect(other('volume/vol-1')).not.toBe(passphrases[0])
    expect(other('key_finance/vol-1')).toBe(passphrases[2])
  })

  test('a key that the registration lacks is a mistake that says what to add, and shows no key', () => {
    const bare = createPassphrases({ credentials: { volume_key: masterKey }, providerId: 'home' })
    expect(() => bare('key_finance/vol-1')).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        remedy: expect.stringContaining('credentials.key_finance') as string,
        message: expect.not.stringContaining(masterKey) as string,
      }),
    )
  })

  test('volumes are encrypted if there is a key, with the wished one, and a wish that cannot be met is refused', () => {
    expect(keyNameFor({ credentials }, 'op', 'vol-1')).toBe('volume/vol-1')
    expect(keyNameFor({ credentials }, 'op', 'vol-1', {})).toBe('volume/vol-1')
    expect(keyNameFor({ credentials }, 'op', 'vol-1', { keyId: 'finance' })).toBe('key_finance/vol-1')
    expect(keyNameFor({ credentials: {} }, 'op', 'vol-1')).toBeUndefined()
    for (const wish of [{}, { keyId: 'legal' }])
      expect(() => keyNameFor({ credentials: {} }, 'op', 'vol-1', wish)).toThrow(
        expect.objectContaining({ code: 'invalid_request', operation: 'op' }),
      )
  })
})

import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { chmodSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '#shared/config.ts'
import { SecretError } from '#shared/secrets/errors.ts'
import { stateFolder } from '#shared/services/state.ts'

/**
 * Holds the keys that wrap the data keys. Asynchronous, so that a key service of a cloud can stand behind it: a data key goes in, its
 * wrapped form comes out, and the wrapping key never leaves. `context` is authenticated, not stored.
 */
export interface Keyring {
  /** Id of the key that new secrets are wrapped with. */
  readonly currentKeyId: string
  wrap(dataKey: Uint8Array, context: Uint8Array): Promise<{ keyId: string; wrapped: Buffer }>
  /** @throws SecretError `secret_key_unknown` or `secret_unreadable`. */
  unwrap(keyId: string, wrapped: Uint8Array, context: Uint8Array): Promise<Buffer>
}

type Settings = Pick<Config, 'SECRETS_KEY' | 'STATE_DIR'> & Partial<Pick<Config, 'SECRETS_KEYS_RETIRED'>>

/** The keyring that the configuration describes: SECRETS_KEY, else a development key generated once under STATE_DIR (mode 0600). */
export function openKeyring(config: Settings): Keyring {
  const key = config.SECRETS_KEY ?? generatedKey(join(stateFolder(config, 'keys'), 'secrets.key'))
  const retired = config.SECRETS_KEYS_RETIRED?.split(',') ?? []
  return localKeyring([key, ...retired].map((text) => Buffer.from(text, 'base64')))
}

/**
 * A keyring of keys held in memory.
 * @param keys 32 bytes each; the first wraps what is new, the others still open what they wrapped.
 */
export function localKeyring(keys: readonly Buffer[]): Keyring {
  const byId = new Map(keys.map((key) => [keyIdOf(key), key]))
  const [current] = byId
  if (!current) throw new Error('A keyring needs at least one key.')
  const [currentKeyId, currentKey] = current
  return {
    currentKeyId,
    wrap: (dataKey, context) =>
      Promise.resolve({ keyId: currentKeyId, wrapped: encrypt(currentKey, dataKey, context) }),
    async unwrap(keyId, wrapped, context) {
      const key = byId.get(keyId)
      if (key) return decrypt(key, wrapped, context)
      throw new SecretError(`A secret is sealed with the key ${keyId}, which this process does not have.`, {
        code: 'secret_key_unknown',
        remedy:
          'Set SECRETS_KEY to the key that the secrets were sealed with, or enter the credentials again.',
      })
    },
  }
}

/** AES-256-GCM; gives IV (12 bytes), ciphertext and tag (16 bytes) in one piece. */
export function encrypt(key: Uint8Array, plain: Uint8Array, context: Uint8Array): Buffer {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(context)
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** Undoes `encrypt`. Throws SecretError `secret_unreadable` if anything differs: key, bytes or context. */
export function decrypt(key: Uint8Array, box: Uint8Array, context: Uint8Array): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, ivBytes), {
      authTagLength: tagBytes,
    })
    decipher.setAAD(context).setAuthTag(box.subarray(box.length - tagBytes))
    return Buffer.concat([decipher.update(box.subarray(ivBytes, box.length - tagBytes)), decipher.final()])
  } catch {
    // The cause is left out on purpose: nothing about key or bytes may reach a log.
    throw new SecretError('A sealed secret cannot be opened: it was altered or belongs to another row.', {
      code: 'secret_unreadable',
      remedy: 'Enter the credentials again.',
    })
  }
}

const ivBytes = 12
const tagBytes = 16

/** A public name of a key that says nothing about it. */
const keyIdOf = (key: Buffer): string => {
  if (key.length !== 32) throw new Error('A sealing key must be 32 bytes.')
  return `kek_${createHash('sha256').update('novacron key id').update(key).digest('hex').slice(0, 12)}`
}

/** Reads the key kept in `path`, making it first if need be. Of several processes that start at once, one key wins. */
export function generatedKey(path: string): string {
  const kept = readKey(path)
  if (kept) return kept
  const fresh = `${path}.${process.pid}.new`
  writeFileSync(fresh, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 })
  try {
    linkSync(fresh, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    rmSync(fresh, { force: true })
  }
  const winner = readKey(path)
  if (!winner)
    throw new Error(`The key file ${path} is empty or unreadable. Remove it to have a new one made.`)
  return winner
}

function readKey(path: string): string | undefined {
  try {
    const key = readFileSync(path, 'utf8').trim()
    chmodSync(path, 0o600)
    return key || undefined
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

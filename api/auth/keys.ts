import { createRemoteJWKSet, type JWTVerifyGetKey } from 'jose'
import { join } from 'node:path'
import type { Config } from '#shared/config.ts'
import { generatedKey } from '#shared/secrets/keyring.ts'
import { stateFolder } from '#shared/services/state.ts'

/** Where the keys of bearer tokens come from, and the only algorithms that are accepted with them. */
export type KeySource =
  | { kind: 'secret'; key: Uint8Array; algorithms: ['HS256']; generated: boolean }
  | { kind: 'jwks'; key: JWTVerifyGetKey; algorithms: ['RS256', 'ES256', 'EdDSA'] }

/** The key source that the configuration names: an identity provider's key set, JWT_SECRET, or a development key under STATE_DIR. */
export function tokenKeys(config: Pick<Config, 'JWT_JWKS_URL' | 'JWT_SECRET' | 'STATE_DIR'>): KeySource {
  if (config.JWT_JWKS_URL)
    return {
      kind: 'jwks',
      key: createRemoteJWKSet(new URL(config.JWT_JWKS_URL), { timeoutDuration: 5000 }),
      algorithms: ['RS256', 'ES256', 'EdDSA'],
    }
  const generated = config.JWT_SECRET === undefined
  const secret = config.JWT_SECRET ?? generatedKey(join(stateFolder(config, 'keys'), 'jwt.key'))
  return { kind: 'secret', key: new TextEncoder().encode(secret), algorithms: ['HS256'], generated }
}

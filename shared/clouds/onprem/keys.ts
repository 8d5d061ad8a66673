import { createHmac } from 'node:crypto'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import type { OnPremSettings } from '#shared/clouds/onprem/settings.ts'

/**
 * Makes the passphrases of encrypted volumes: HMAC-SHA-256 of the key's name under the registration's master key, in base64 (44 characters).
 * `key_<name>/…` is derived from the credential `key_<name>`, everything else from `volume_key`. Nothing is stored: whoever has the
 * registration has the keys, and without it a stolen disk says nothing.
 * @throws CloudError `invalid_request` if the registration has no such key; never with a key's value.
 */
export function createPassphrases({
  credentials,
  providerId,
}: Pick<OnPremSettings, 'credentials' | 'providerId'>) {
  return (keyName: string): string => {
    const credential = /^(key_[a-z0-9_-]{1,40})\//.exec(keyName)?.[1] ?? 'volume_key'
    const masterKey = credentials[credential]
    if (masterKey === undefined)
      throw refusal(
        'open',
        `Provider ${providerId} has no credential ${credential}, which ${keyName} needs.`,
        {
          code: 'invalid_request',
          remedy: `Add credentials.${credential} to the registration: 32 random bytes in base64 (openssl rand -base64 32).`,
        },
      )
    return createHmac('sha256', Buffer.from(masterKey, 'base64')).update(keyName).digest('base64')
  }
}

/**
 * The name of a volume's key: `volume/<id>`, or `key_<name>/<id>` for the wish `encryption.keyId: <name>`. Undefined: not encrypted, because the
 * registration has no `volume_key`.
 * @throws CloudError `invalid_request` for a key that the registration lacks.
 */
export function keyNameFor(
  { credentials }: Pick<OnPremSettings, 'credentials'>,
  operation: string,
  id: string,
  encryption?: { keyId?: string },
): string | undefined {
  const keyId = encryption?.keyId
  const credential = keyId === undefined ? 'volume_key' : `key_${keyId}`
  if (credentials[credential] !== undefined)
    return keyId === undefined ? `volume/${id}` : `${credential}/${id}`
  if (encryption === undefined) return undefined
  throw refusal(operation, `encryption: the registration has no key for it (credentials.${credential}).`, {
    code: 'invalid_request',
    remedy: `Add credentials.${credential} to the registration: 32 random bytes in base64 (openssl rand -base64 32).`,
  })
}

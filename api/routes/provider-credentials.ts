import { createPrivateKey } from 'node:crypto'
import type { FieldError } from '#api/http/problem.ts'
import type { Credentials } from '#shared/secrets/credentials.ts'

/** What is missing of a type's credentials, and what does not belong to them. */
export function credentialErrors(type: string, credentials: Credentials): FieldError[] {
  const { needed, optional } = credentialFields[type] ?? { needed: [], optional: [] }
  const at = (name: string) => `config.credentials.${name}`
  const missing = needed
    .filter((name) => !credentials[name]?.trim())
    .map((name) => ({
      field: at(name),
      reason: 'is missing',
      remedy: `Give ${name} of the ${type} account.`,
    }))
  const unknown = Object.keys(credentials)
    .filter((name) => !needed.includes(name) && !optional.includes(name) && !isNamedKey(type, name))
    .map((name) => ({
      field: at(name.slice(0, 60)),
      reason: `is not a credential of ${type}`,
      remedy: `Give ${[...needed, ...optional].join(', ')}.`,
    }))
  const misshapen = Object.entries(credentials).flatMap(([name, value]) => {
    const shape = name.startsWith('key_') ? shapes['volume_key'] : shapes[name]
    return !shape || value.trim() === '' || shape.fits(value)
      ? []
      : [{ field: at(name), reason: shape.reason, remedy: shape.remedy }]
  })
  return [...missing, ...unknown, ...misshapen]
}

/** What can be told of a credential without asking its cloud: a key that was cut short while it was copied. Never with its value. */
const shapes: Record<string, { fits(value: string): boolean; reason: string; remedy: string }> = {
  access_key_id: {
    fits: (value) => /^\w{16,128}$/.test(value),
    reason: 'is not an access key id of AWS (16 letters and digits or more)',
    remedy: 'Copy it whole; it begins with AKIA or ASIA.',
  },
  private_key: {
    fits: isPrivateKey,
    reason: 'is not a private key in PEM form',
    remedy: 'Copy `private_key` of the service account’s JSON key whole, with its line breaks (\\n in JSON).',
  },
  volume_key: {
    fits: (value) => /^[\w+/-]{43}=?$/.test(value),
    reason: 'is not 32 bytes in base64',
    remedy: 'Make one with `openssl rand -base64 32`, and keep it: nothing can be read without it.',
  },
}

function isPrivateKey(pem: string): boolean {
  try {
    createPrivateKey(pem)
    return true
  } catch {
    return false
  }
}

/** A secret that was pasted into another field as well would be kept and shown in clear. */
export function strayErrors({
  credentials = {},
  ...rest
}: {
  credentials?: Credentials | undefined
  [field: string]: unknown
}): FieldError[] {
  const shown = JSON.stringify(rest)
  return Object.keys(credentials)
    .filter((name) => secretFields.has(name) || name.startsWith('key_'))
    .filter(
      (name) =>
        (credentials[name]?.length ?? 0) >= 8 &&
        shown.includes(JSON.stringify(credentials[name]).slice(1, -1)),
    )
    .map((name) => ({
      field: 'config',
      reason: `holds the value of credentials.${name} in another field too, where it would be shown`,
      remedy: 'Take it out there, and make a new secret if it has been sent before.',
    }))
}

/** Which credential fields a type needs, and which it may have besides. */
const credentialFields: Record<string, { needed: string[]; optional: string[] }> = {
  aws: { needed: ['access_key_id', 'secret_access_key'], optional: ['session_token'] },
  azure: { needed: ['tenant_id', 'client_id', 'client_secret', 'subscription_id'], optional: [] },
  gcp: { needed: ['project_id', 'client_email', 'private_key'], optional: [] },
  'on-premise': {
    needed: [],
    optional: [
      'volume_key',
      'ssh_private_key',
      'ssh_known_hosts',
      's3_access_key_id',
      's3_secret_access_key',
    ],
  },
}

/** Further volume keys of an on-premise provider, by the names that `encryption.key_id` uses. */
const isNamedKey = (type: string, name: string): boolean =>
  type === 'on-premise' && /^key_[a-z0-9_-]{1,40}$/.test(name)

/** Secrets proper; the others are names that a subnet's id, say, rightly contains. */
const secretFields = new Set([
  'secret_access_key',
  'session_token',
  'client_secret',
  'private_key',
  'volume_key',
  'ssh_private_key',
  's3_secret_access_key',
])

import { parseArgs } from 'node:util'
import { tokenKeys } from '#api/auth/keys.ts'
import { isRole, roles, type Role } from '#api/auth/permissions.ts'
import { signToken } from '#api/auth/tokens.ts'
import { parseDuration } from '#api/http/duration.ts'
import { readConfig } from '#shared/config.ts'

const usage = `Makes a bearer token for development and prints it.

  npm run token -- --role admin --tenant acme [--ttl 12h] [--subject me]

  --role     ${Object.keys(roles).join(', ')}; several separated by commas
  --tenant   the tenant that the token is good for
  --ttl      how long it is good for (default 12h)
  --subject  who it is for (default dev)`

try {
  console.log(await makeToken())
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
  process.exitCode = 1
}

async function makeToken(): Promise<string> {
  const { values } = parseArgs({
    options: {
      role: { type: 'string' },
      tenant: { type: 'string' },
      ttl: { type: 'string', default: '12h' },
      subject: { type: 'string', default: 'dev' },
    },
  })
  const names = (values.role ?? '').split(',').map((name) => name.trim())
  const unknown = names.filter((name) => !isRole(name))
  if (unknown.length > 0) throw new Error(`--role must be given as one of ${Object.keys(roles).join(', ')}.`)
  if (!values.tenant) throw new Error('--tenant must name the tenant.')
  const ttlMs = parseDuration(values.ttl)
  if (!ttlMs) throw new Error('--ttl must be a duration such as 12h or 30m.')
  const config = readConfig()
  const keys = tokenKeys(config)
  if (keys.kind !== 'secret')
    throw new Error('JWT_JWKS_URL is set: tokens come from that identity provider, not from here.')
  return signToken(config, keys.key, {
    tenant: values.tenant,
    roles: names as Role[],
    subject: values.subject,
    ttlMs,
  })
}

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { tokenKeys } from '#api/auth/keys.ts'
import { tokenVerifier } from '#api/auth/tokens.ts'
import { temporaryFolder } from '#test/setup/folder.ts'
import { childEnv } from '#test/setup/child-env.ts'

const checkout = fileURLToPath(new URL('../../../', import.meta.url))
const run = (stateDir: string, ...args: string[]) =>
  spawnSync(process.execPath, ['api/auth/token-cli.ts', ...args], {
    cwd: checkout,
    encoding: 'utf8',
    env: childEnv({ STATE_DIR: stateDir }),
  })

test('the command prints one token, which the API of the same state folder takes', async () => {
  const folder = temporaryFolder()
  const { stdout, status } = run(folder, '--role', 'operator,viewer', '--tenant', 'acme', '--ttl', '30m')
  expect(status).toBe(0)
  const keys = tokenKeys({ STATE_DIR: folder, JWT_JWKS_URL: undefined, JWT_SECRET: undefined })
  const principal = await tokenVerifier(
    { JWT_ISSUER: 'novacron', JWT_AUDIENCE: 'novacron' },
    keys,
  )(stdout.trim())
  expect(principal).toMatchObject({ tenantId: 'acme', roles: ['operator', 'viewer'], subject: 'dev' })
  expect(principal.expiresAt.getTime() - Date.now()).toBeLessThanOrEqual(30 * 60_000 + 1000)
})

test.each([
  [['--tenant', 'acme'], '--role must be given'],
  [['--role', 'king', '--tenant', 'acme'], '--role must be given'],
  [['--role', 'admin'], '--tenant must name the tenant'],
  [['--role', 'admin', '--tenant', 'acme', '--ttl', 'soon'], '--ttl must be a duration'],
])('%j is refused with the reason and how to use it', (args, reason) => {
  const { stdout, stderr, status } = run(temporaryFolder(), ...args)
  expect(status).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toContain(reason)
  expect(stderr).toContain('npm run token --')
})

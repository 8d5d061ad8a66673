import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { checkoutFolder } from '#shared/services/state.ts'
import { createTestDatabase } from '#test/setup/database.ts'
import { temporaryFolder } from '#test/setup/folder.ts'
import { loadedModules, recordModules, sdkModules } from '#test/setup/loaded-modules.ts'
import { childEnv } from '#test/setup/child-env.ts'

const pools = 'webhooks,provisioning,migration,upkeep'

test('a worker of any pool starts, serves and stops without having loaded any cloud SDK', async () => {
  const database = await createTestDatabase()
  const child = spawn(process.execPath, [...recordModules, 'workers/main.ts'], {
    cwd: checkoutFolder,
    env: childEnv({
      DATABASE_URL: database.url,
      STATE_DIR: temporaryFolder(),
      QUEUE_BACKEND: 'postgres',
      POOLS: pools,
    }),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await database.drop()
  })
  child.stdout.on('data', (chunk: Buffer) => {
    if (chunk.includes('serves')) child.kill('SIGTERM')
  })
  const exited = once(child, 'exit')
  const output = await text(child.stdout)
  expect(await exited).toEqual([0, null])
  expect(output).toContain(`serves ${pools.replaceAll(',', ', ')}`)
  const loaded = loadedModules(output)
  expect(loaded.length).toBeGreaterThan(100)
  expect(loaded.filter((url) => sdkModules.test(url))).toEqual([])
})

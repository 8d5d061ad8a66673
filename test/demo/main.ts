import { mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { coldMigrationDemo } from '#test/demo/story.ts'
import { bringUp } from '#test/demo/stack.ts'
import { note, say, title } from '#test/demo/screen.ts'
import { readConfig } from '#shared/config.ts'
import { stateFolder } from '#shared/services/state.ts'

/** `npm run demo [-- --exit]`: the main job on loopback clouds, from nothing to a moved VM. `--exit`: end afterwards instead of staying up. */
const { values: flags } = parseArgs({ options: { exit: { type: 'boolean', default: false } } })

const startedAtMs = Date.now()
const folder = stateFolder(readConfig(), 'demo')
mkdirSync(folder, { recursive: true })
const stack = await bringUp(folder)
const interrupted = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
})

try {
  await Promise.race([
    coldMigrationDemo(stack),
    interrupted.then(() => Promise.reject(new Error('interrupted'))),
  ])
  title(`Done in ${((Date.now() - startedAtMs) / 1000).toFixed(0)} s`)
  say(`Console         ${stack.url}/console`)
  say(`Queue board     ${stack.url}/board`)
  say(`API reference   ${stack.url}/docs`)
  say('Sign in on those pages, or call the API as Bearer, with this token (valid for 12 h):')
  say(stack.token)
  if (!flags.exit) {
    say('')
    say('Everything stays up until Ctrl-C.')
    await interrupted
  }
} catch (error) {
  process.exitCode = 1
  note(error instanceof Error ? error.message : String(error))
  note(`What the processes printed: ${stack.logPath}`)
} finally {
  say('Shutting down …')
  await stack.takeDown()
}
process.exit()

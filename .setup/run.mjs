// Runs a program of this project on its own Node, whatever Node is on PATH (18 or newer is enough to get here):
//   node .setup/run.mjs api/main.ts [arguments]
// Installs the dependencies first when they do not match package-lock.json. Plain JavaScript without dependencies for that reason.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { ensureInstalled, root } from './install.mjs'

const repeatMs = 1000

try {
  const node = await ensureInstalled()
  const env = {
    ...process.env,
    PATH: [join(node, '..'), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
    // Halves what loading a cloud's SDK costs (Google's: 1.9 s to 1.0 s). It goes with the installation that it was made of.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules', '.cache', 'compiled'),
  }
  // Becoming the program leaves nothing in between: signals, terminal and exit status are its own.
  if (process.execve) process.execve(node, [node, ...process.argv.slice(2)], env)
  else follow(spawn(node, process.argv.slice(2), { stdio: 'inherit', env }))
} catch (error) {
  console.error(`\n${error.message}`)
  process.exitCode = 1
}

/** Passes signals on to the child, and its end on to whoever started us. */
function follow(child) {
  const sent = new Map()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']) {
    process.on(name, () => {
      // Ctrl-C reaches the child by itself, and npm repeats it: a second one would cut an orderly stop short.
      const isRepeated = Date.now() - (sent.get(name) ?? 0) < repeatMs
      if (isRepeated || (name === 'SIGINT' && process.stdin.isTTY)) return
      sent.set(name, Date.now())
      child.kill(name)
    })
  }
  child.on('error', (error) => {
    console.error(`Cannot run ${child.spawnfile}: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (status, signal) => process.exit(status ?? 128 + constants.signals[signal]))
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { checkoutFolder } from '#shared/services/state.ts'

/** An older Node cannot become another program: there a child is started and followed. */
const ways = [
  { name: 'by becoming it', flags: [] },
  { name: 'by following a child', flags: ['--import', 'data:text/javascript,process.execve=undefined'] },
]

type End = { output: string; status: number | null; signal: NodeJS.Signals | null }

async function run(
  flags: string[],
  program: string,
  afterOutput: (kill: (name: NodeJS.Signals) => void) => void = () => {},
): Promise<End> {
  const child = spawn(process.execPath, [...flags, '.setup/run.mjs', '-e', program], { cwd: checkoutFolder })
  let output = ''
  child.stdout.on('data', (text: Buffer) => {
    output += text.toString()
    afterOutput((name) => child.kill(name))
  })
  const ended = once(child, 'close')
  await ended
  return { output, status: child.exitCode, signal: child.signalCode }
}

test.for(ways)(
  "a program runs on the project's own Node and its exit status is passed on: $name",
  async ({ flags }) => {
    const end = await run(
      flags,
      'console.log(process.execPath, process.env.PATH.split(":")[1]); process.exit(7)',
    )
    expect(end).toMatchObject({ status: 7 })
    expect(end.output).toContain(
      `${checkoutFolder}node_modules/node/bin/node ${checkoutFolder}node_modules/.bin`,
    )
  },
)

test.for(ways)(
  'a signal reaches the program once, and how it ends is passed on: $name',
  async ({ flags }) => {
    const program = `let count = 0
    process.on('SIGTERM', () => { count++; setTimeout(() => process.exit(count), 100) })
    setInterval(() => {}, 1000)
    console.log('ready')`
    const end = await run(flags, program, (kill) => kill('SIGTERM'))
    expect(end).toMatchObject({ status: 1, signal: null })
  },
)

test.for(ways)(
  'a program that dies of a signal does not look as if it had succeeded: $name',
  async ({ flags }) => {
    const end = await run(flags, `console.log('ready'); process.kill(process.pid, 'SIGKILL')`)
    expect(end.status === 137 || end.signal === 'SIGKILL').toBe(true)
  },
)

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { checkoutFolder } from '#shared/services/state.ts'

const stays = (name: string): string =>
  `node -e "process.on('SIGTERM', () => { console.log('${name} stops'); setTimeout(process.exit, 100, 0) }); setInterval(() => {}, 1000); console.log('${name} is up')"`

/** Runs commands together in a process of their own; sends it `signals` once the output matches. */
async function runTogether(
  commands: Record<string, string>,
  {
    until,
    signals = [],
    stopGraceMs = 5000,
  }: { until?: RegExp; signals?: NodeJS.Signals[]; stopGraceMs?: number },
): Promise<{ status: number | null; output: string }> {
  const lines = Object.entries(commands).map(([name, command]) => ({ name, command }))
  const program = `import { runTogether } from './.setup/together.ts'
    process.exitCode = await runTogether(${JSON.stringify(lines)}, { stopGraceMs: ${stopGraceMs} })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { cwd: checkoutFolder })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  let isSent = false
  child.stdout.on('data', (text: Buffer) => {
    output += text.toString()
    if (isSent || !until?.test(output)) return
    isSent = true
    for (const name of signals) child.kill(name)
  })
  await once(child, 'close')
  return { status: child.exitCode, output }
}

const bothUp = /(one is up[^]*two is up|two is up[^]*one is up)/

test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s stops every process in good order, once, with status 0',
  async (name) => {
    const { status, output } = await runTogether(
      { one: stays('one'), two: `A=1 ${stays('two')}` },
      { until: bothUp, signals: [name, name] },
    )
    expect(output.match(/\[one\] one stops/g)).toHaveLength(1)
    expect(output.match(/\[two\] two stops/g)).toHaveLength(1)
    expect(status).toBe(0)
  },
)

test('a process that fails takes the others with it, in good order, and the status tells', async () => {
  const { status, output } = await runTogether({ one: stays('one'), two: 'sleep 1; exit 3' }, {})
  expect(output).toContain('one stops')
  expect(status).toBe(1)
})

test('a process that does not stop is killed after the grace, with all its children', async () => {
  const { status, output } = await runTogether(
    { one: stays('one'), two: `trap '' TERM; echo two is up; sleep 60; echo never` },
    { until: bothUp, signals: ['SIGTERM'], stopGraceMs: 500 },
  )
  expect(output).not.toContain('two] never')
  expect(status).toBe(1)
})

import { readdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import type { BenchResult } from '#test/bench/lib/result.ts'

// npm run bench -- NAME… | all [--json]: runs the benchmarks of this folder, one after the other. Results go to standard output, all else to
// standard error. Each is a file that exports `run(): Promise<BenchResult>`.

const limitSeconds = 60

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false } },
})
const known = await benchNames()
const wanted = positionals.includes('all') ? known : positionals
const unknown = wanted.filter((name) => !known.includes(name))

if (wanted.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`There is no benchmark named ${unknown.join(', ')}.`)
  console.error(`Benchmarks: ${known.join(', ')}. Usage: npm run bench -- NAME | all [--json]`)
  process.exitCode = unknown.length > 0 ? 2 : 0
} else for (const name of wanted) await report(name)

async function benchNames(): Promise<string[]> {
  const files = await readdir(import.meta.dirname)
  return files
    .filter((file) => file.endsWith('.ts') && file !== basename(import.meta.filename))
    .map((file) => file.slice(0, -'.ts'.length))
    .toSorted()
}

async function report(name: string): Promise<void> {
  const { run } = (await import(`./${name}.ts`)) as { run: () => Promise<BenchResult> }
  const startedAt = performance.now()
  const result = await run()
  const seconds = (performance.now() - startedAt) / 1000
  if (seconds > limitSeconds)
    console.error(`${name} took ${seconds.toFixed(0)} s; a benchmark has ${limitSeconds}.`)
  if (values.json) {
    console.log(JSON.stringify(result))
    return
  }
  console.log(
    `${name}: ${format(result.value)} ${result.unit}, ratio ${result.ratio.toFixed(2)} against ${result.against}`,
  )
  for (const note of result.notes ?? []) console.log(`  ${note}`)
  console.log(`  took ${seconds.toFixed(1)} s`)
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}

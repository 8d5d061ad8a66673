import { styleText } from 'node:util'
import type { JobEvent } from '#test/demo/client.ts'

const live = process.stdout.isTTY
const paint = (format: Parameters<typeof styleText>[0], text: string) =>
  live ? styleText(format, text) : text

export const title = (text: string) => console.log(`\n${paint('bold', text)}`)
export const say = (text: string) => console.log(`  ${text}`)
export const good = (text: string) => console.log(`  ${paint('green', '✔')} ${text}`)
export const note = (text: string) => console.log(`  ${paint('yellow', '!')} ${text}`)

interface Line {
  name: string
  state: 'waiting' | 'running' | 'done' | 'failed' | 'undone'
  fraction: number
  detail: string
  startedAtMs: number
  elapsedMs: number
}

/**
 * Progress bars of a job's steps, one line each. On a terminal they are drawn in place; elsewhere (a log) a step is a line when it ends.
 */
export function stepBars(names: readonly string[]): { show(event: JobEvent): void; end(): void } {
  const lines = new Map<string, Line>(
    names.map((name) => [
      name,
      { name, state: 'waiting', fraction: 0, detail: '', startedAtMs: 0, elapsedMs: 0 },
    ]),
  )
  let drawn = 0
  let lastDrawMs = 0

  const draw = () => {
    if (!live) return
    if (drawn > 0) process.stdout.write(`\u001B[${drawn}A`)
    for (const line of lines.values()) process.stdout.write(`\u001B[2K${render(line)}\n`)
    drawn = lines.size
    lastDrawMs = Date.now()
  }

  const apply = (line: Line, { type, data, atMs }: JobEvent) => {
    if (line.startedAtMs > 0) line.elapsedMs = atMs - line.startedAtMs
    if (type === 'step.started' && line.state !== 'running')
      Object.assign(line, { state: 'running', startedAtMs: atMs })
    if (type === 'progress') {
      const total = Number(data['total'])
      line.fraction = total > 0 ? Math.min(1, Number(data['done']) / total) : line.fraction
      line.detail = textOf(data['detail'])
    }
    if (type === 'step.succeeded') Object.assign(line, { state: 'done', fraction: 1 })
    if (type === 'step.failed') Object.assign(line, { state: 'failed' })
    if (type === 'step.undone') Object.assign(line, { state: 'undone' })
    if (!live && type !== 'step.started' && type !== 'progress') console.log(render(line))
  }

  draw()
  return {
    show(event) {
      const line = lines.get(textOf(event.data['step']))
      if (!line) return
      apply(line, event)
      if (event.type !== 'progress' || Date.now() - lastDrawMs > 50) draw()
    },
    end: draw,
  }
}

function render({ name, state, fraction, detail, elapsedMs }: Line): string {
  const width = 28
  const full = Math.round(width * (state === 'done' ? 1 : fraction))
  const bar =
    paint(state === 'failed' ? 'red' : 'green', '█'.repeat(full)) + paint('dim', '░'.repeat(width - full))
  const mark = { waiting: ' ', running: '▸', done: '✔', failed: '✘', undone: '↩' }[state]
  const time = state === 'waiting' ? '' : `${(elapsedMs / 1000).toFixed(1)} s`
  return `  ${mark} ${name.padEnd(13)} ${bar} ${time.padStart(7)}  ${paint('dim', detail)}`
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkoutFolder } from '#shared/services/state.ts'

export type ProcessLine = { name: string; command: string }

/** The processes that make up the whole system, as the Procfile names them. */
export function readProcfile(): ProcessLine[] {
  return parseProcfile(readFileSync(join(checkoutFolder, 'Procfile'), 'utf8'))
}

/**
 * Reads lines of `name: command`; empty lines and `#` comments are skipped.
 * @throws Error naming the line that is neither, or a name that comes twice.
 */
export function parseProcfile(text: string): ProcessLine[] {
  const numbered = text.split('\n').map((line, index) => ({ line: line.trim(), number: index + 1 }))
  const lines = numbered.filter(({ line }) => line !== '' && !line.startsWith('#')).map(parseLine)
  const names = lines.map(({ name }) => name)
  const repeated = names.find((name, index) => names.indexOf(name) !== index)
  if (repeated)
    throw new Error(`Procfile: "${repeated}" is there twice; give each process a name of its own.`)
  return lines
}

function parseLine({ line, number }: { line: string; number: number }): ProcessLine {
  const [, name, command] = /^([A-Za-z0-9_-]+):\s*(.+)$/.exec(line) ?? []
  if (!name || !command)
    throw new Error(`Procfile, line ${number}: expected "name: command", found "${line}".`)
  return { name, command }
}

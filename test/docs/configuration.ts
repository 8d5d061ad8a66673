import { readFileSync, writeFileSync } from 'node:fs'
import { describeConfig } from '#shared/config.ts'

const readme = new URL('../../README.md', import.meta.url)
const [open, close] = ['<!-- configuration -->', '<!-- /configuration -->']

/** The README as it should be: its configuration table made anew from the settings' own descriptions. */
export function renderReadme(text: string): string {
  const rows = describeConfig().map(
    ({ name, fallback, meaning }) => `| \`${name}\` | ${fallback ? `\`${fallback}\`` : ''} | ${meaning} |`,
  )
  const table = ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n')
  const before = text.slice(0, text.indexOf(open) + open.length)
  return `${before}\n${table}\n${text.slice(text.indexOf(close))}`
}

export const readReadme = (): string => readFileSync(readme, 'utf8')

if (process.argv[1] === import.meta.filename) writeFileSync(readme, renderReadme(readReadme()))

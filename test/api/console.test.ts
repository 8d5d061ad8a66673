import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const folder = new URL('../../api/console/', import.meta.url)
const files = readdirSync(folder)
const textOf = (name: string) => readFileSync(new URL(name, folder), 'utf8')

/** What a file of the pages asks for: modules, and from a page its style sheets and scripts. */
const askedFor = (name: string): string[] =>
  [...textOf(name).matchAll(/from '\.\/([\w.-]+)'|(?:src|href)="\/assets\/([\w.-]+)"/g)].map(
    ([, module, asset]) => module ?? asset ?? '',
  )

test.each(files.filter((name) => /\.(js|html)$/.test(name)))('what %s asks for is there', (name) => {
  for (const asked of askedFor(name)) expect(files).toContain(asked)
})

test('no file of the pages is there for nothing', () => {
  const wanted = new Set(['console.html', 'docs.html', 'login.html', ...files.flatMap(askedFor)])
  expect(files.filter((name) => !wanted.has(name))).toEqual([])
})

test('pages are styled and scripted by files alone, as their policy demands', () => {
  for (const name of files.filter((one) => one.endsWith('.html')))
    expect(textOf(name)).not.toMatch(/<style| style=|<script>| on\w+=/)
})

/** WCAG 2.2, 1.4.3: 4.5 to 1 for text. */
test.each(['light', 'dark'])('text can be read on everything that it stands on (%s)', (theme) => {
  const block = textOf('base.css').split('}')[theme === 'light' ? 0 : 1] ?? ''
  const colours = new Map(
    [...block.matchAll(/--([\w-]+): (#[\da-f]{6})/g)].map(([, name, hex]) => [name, hex]),
  )
  const pairs = [
    ...['ink', 'ink-2', 'ink-3', 'accent'].flatMap((ink) => ['card', 'page', 'sunk'].map((on) => [ink, on])),
    ...['good', 'bad', 'warn', 'live', 'accent'].map((tone) => [tone, `${tone}-soft`]),
    ['accent-ink', 'accent'],
  ]
  const faint = pairs.filter(([ink, on]) => contrast(colours.get(ink), colours.get(on)) < 4.5)
  expect(faint).toEqual([])
})

function contrast(one = '', other = ''): number {
  const [bright = 0, dark = 0] = [luminance(one), luminance(other)].toSorted((a, b) => b - a)
  return (bright + 0.05) / (dark + 0.05)
}

function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseProcfile, readProcfile } from '#setup/procfile.ts'

test('a Procfile is read as names and commands, without its comments and empty lines', () => {
  expect(parseProcfile('# two\n\nweb: node api/main.ts\npool-a:  POOLS=a node workers/main.ts  \n')).toEqual([
    { name: 'web', command: 'node api/main.ts' },
    { name: 'pool-a', command: 'POOLS=a node workers/main.ts' },
  ])
})

test('a line that is not "name: command" is refused with its number, and so is a name that comes twice', () => {
  expect(() => parseProcfile('web: node a.ts\nnode b.ts')).toThrow('line 2')
  expect(() => parseProcfile('web: a\nweb: b')).toThrow('"web" is there twice')
})

test('every process of the Procfile can also be run alone, by an npm script of its name', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
  for (const { name, command } of readProcfile()) {
    expect(manifest.scripts[name]).toBe(command.replace(/node (?=\S+$)/, 'node .setup/run.mjs '))
  }
})

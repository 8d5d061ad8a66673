import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeFolder } from '#shared/folders.ts'
import { temporaryFolder } from '#test/setup/folder.ts'

test('a folder is made with all that is missing above it, and the topmost of these is told', () => {
  const top = temporaryFolder()
  const deep = join(top, 'a', 'b', 'c')
  expect(makeFolder(deep, 0o711)).toBe(join(top, 'a'))
  expect(statSync(deep).mode & 0o777).toBe(0o711)
  expect(makeFolder(deep, 0o711)).toBeUndefined()
  expect(makeFolder(join(top, 'a', 'd'), 0o700)).toBe(join(top, 'a', 'd'))
})

test('what cannot be made is an error at once, and nothing is waited for', () => {
  const file = join(temporaryFolder(), 'file')
  writeFileSync(file, '')
  expect(() => makeFolder('/proc/novacron/below', 0o700)).toThrow(/ENOENT.*\/proc\/novacron/)
  expect(() => makeFolder(join(file, 'below'), 0o700)).toThrow(/ENOTDIR|EEXIST/)
  expect(() => makeFolder(file, 0o700)).toThrow(/EEXIST/)
})

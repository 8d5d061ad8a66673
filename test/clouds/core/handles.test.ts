import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createHandles } from '#test/clouds/core/handles.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'

test('a file in use stays open when it is forgotten, and when all are closed, until its user is done', async () => {
  const path = join(await temporaryDir(), 'file')
  await writeFile(path, 'text')
  const handles = createHandles()
  for (const letGo of [() => handles.forget(path), () => handles.close()]) {
    const [text, file] = await handles.use(path, async (opened) => {
      await letGo()
      return [(await opened.read(Buffer.alloc(4), 0, 4, 0)).buffer.toString(), opened]
    })
    expect([text, file.fd]).toEqual(['text', -1])
  }
})

test('at most so many files stay open as were allowed', async () => {
  const dir = await temporaryDir()
  const handles = createHandles(2)
  const opened = []
  for (const name of ['a', 'b', 'c', 'd']) {
    await writeFile(join(dir, name), name)
    opened.push(await handles.use(join(dir, name), async (file) => file))
  }
  expect(opened.map((file) => file.fd >= 0)).toEqual([false, false, true, true])
  await handles.close()
  expect(opened.filter((file) => file.fd >= 0)).toEqual([])
})

test('a file that could not be opened is tried again the next time', async () => {
  const path = join(await temporaryDir(), 'late')
  const handles = createHandles()
  await expect(handles.use(path, async () => 1)).rejects.toThrow('ENOENT')
  await writeFile(path, '')
  expect(await handles.use(path, async () => 2)).toBe(2)
  await handles.close()
})

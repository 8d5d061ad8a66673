import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createBackground } from '#test/clouds/core/background.ts'

test('what is under way is waited for, with what was added meanwhile', async () => {
  const background = createBackground()
  const done: string[] = []
  const work = async (name: string) => {
    await delay(5)
    done.push(name)
  }
  background.add(work('first').then(() => background.add(work('second'))))
  await background.settled()
  expect(done).toEqual(['first', 'second'])
})

test('a failure is nobody’s unhandled rejection, and is told at the end', async () => {
  const background = createBackground()
  background.add(Promise.reject(new Error('no such file')))
  await delay(5)
  await expect(background.settled()).rejects.toThrow('work of a loopback cloud failed: no such file')
})

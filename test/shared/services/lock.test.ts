import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { tryLock, waitForLock } from '#shared/services/lock.ts'
import { checkoutFolder } from '#shared/services/state.ts'
import { temporaryFolder } from '#test/setup/folder.ts'

test('an exclusive lock keeps everyone else out until it is released', () => {
  const path = join(temporaryFolder(), 'a.lock')
  const held = tryLock(path, 'exclusive')
  expect(tryLock(path, 'exclusive')).toBeUndefined()
  expect(tryLock(path, 'shared')).toBeUndefined()
  held?.release()
  const next = tryLock(path, 'exclusive')
  expect(next).toBeDefined()
  next?.release()
})

test('shared locks stand beside each other and keep an exclusive one out until the last is released', () => {
  const path = join(temporaryFolder(), 'a.lock')
  const [one, other] = [tryLock(path, 'shared'), tryLock(path, 'shared')]
  one?.release()
  expect(tryLock(path, 'exclusive')).toBeUndefined()
  other?.release()
  const alone = tryLock(path, 'exclusive')
  expect(alone).toBeDefined()
  alone?.release()
})

test('the lock of a process ends with it, even when it is killed', async () => {
  const path = join(temporaryFolder(), 'a.lock')
  const program = `import { tryLock } from '#shared/services/lock.ts'
    tryLock(process.argv[1], 'exclusive')
    console.log('locked')
    setInterval(() => {}, 1000)`
  const holder = spawn(process.execPath, ['--input-type=module', '-e', program, path], {
    cwd: checkoutFolder,
  })
  onTestFinished(() => void holder.kill('SIGKILL'))
  await once(holder.stdout, 'data')
  expect(tryLock(path, 'exclusive')).toBeUndefined()
  holder.kill('SIGKILL')
  const lock = await waitForLock(path, 'exclusive', 5000)
  lock.release()
})

test('waiting for a lock ends with an error that names the file', async () => {
  const path = join(temporaryFolder(), 'a.lock')
  const held = tryLock(path, 'exclusive')
  await expect(waitForLock(path, 'exclusive', 60)).rejects.toThrow(path)
  held?.release()
})

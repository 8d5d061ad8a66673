import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { layoutOf } from '#shared/clouds/onprem/qemu/layout.ts'
import { findProcess, readGuestFile } from '#shared/clouds/onprem/qemu/machines/find-process.ts'
import {
  findProgram,
  isSame,
  killProcess,
  processOf,
  runProgram,
} from '#shared/clouds/onprem/qemu/process.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'

const id = '0d9a4d5c-1f2e-4a6b-8c3d-2e4f6a8b0c1d'

async function sleeper(): Promise<number> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child, 'spawn')
  if (child.pid === undefined) throw new Error('no process')
  return child.pid
}

test('a process is killed only while it is the one that was seen, not a later one with its number', async () => {
  const pid = await sleeper()
  const seen = await processOf(pid)
  if (!seen) throw new Error('not seen')
  await killProcess({ pid, startedTicks: '1' })
  expect(await isSame(seen)).toBe(true)
  await killProcess(seen)
  expect(await isSame(seen)).toBe(false)
})

test('a pid file that names somebody else’s process leads to nobody', async () => {
  const folder = await temporaryDir()
  const pid = await sleeper()
  const paths = { ...layoutOf({ name: 'alpha', folder }).machine(id), pid: join(folder, 'pid') }
  expect(await findProcess(paths, id)).toEqual({ left: false })
  for (const text of [String(pid), '1', '-1', '0', 'no number', '99999999']) {
    await writeFile(paths.pid, text)
    expect(await findProcess(paths, id)).toEqual({ left: true })
  }
})

test('a link in the place of a guest’s file is not followed to what only we may read', async () => {
  const folder = await temporaryDir()
  await writeFile(join(folder, 'secret'), 'canary')
  await symlink(join(folder, 'secret'), join(folder, 'console'))
  await expect(readGuestFile(join(folder, 'console'), 100)).rejects.toMatchObject({ code: 'ELOOP' })
  await runProgram(await findProgram('mkfifo'), [join(folder, 'pipe')])
  expect(await readGuestFile(join(folder, 'pipe'), 100)).toBeUndefined()
  expect((await readGuestFile(join(folder, 'secret'), 3))?.toString()).toBe('ary')
})

test('programs get nothing of our environment, and what they complain of is told', async () => {
  process.env['NOVACRON_CANARY'] = 'canary'
  onTestFinished(() => void delete process.env['NOVACRON_CANARY'])
  const { stdout } = await runProgram(await findProgram('env'), [])
  expect(stdout).not.toContain('canary')
  await expect(runProgram(await findProgram('ls'), ['/nowhere'])).rejects.toMatchObject({
    vendorCode: 'program_failed',
    message: expect.stringContaining('/nowhere') as string,
  })
  await expect(findProgram('no-such-program')).rejects.toMatchObject({ vendorCode: 'hypervisor_missing' })
})

test('the sockets of a host whose folder is as long as it may be fit into the kernel’s 107 bytes', () => {
  const { monitors, agent, migration } = layoutOf({ name: 'alpha', folder: `/${'x'.repeat(79)}` }).machine(id)
  for (const path of [...monitors, agent, migration]) expect(Buffer.byteLength(path)).toBeLessThanOrEqual(107)
  expect(new Set([...monitors, agent, migration]).size).toBe(4)
})

test.each(['', '..', 'a/b', id.toUpperCase(), `${id}/..`])('%j becomes no path', (text) => {
  expect(() => layoutOf({ name: 'alpha', folder: '/x' }).machine(text)).toThrow('no machine')
})

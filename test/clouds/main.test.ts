import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { createControlClient, type ControlClient } from '#test/clouds/core/control.ts'
import type { Announcement } from '#test/clouds/main.ts'

const mainFile = fileURLToPath(import.meta.resolve('#test/clouds/main.ts'))

function run(...flags: string[]): ChildProcess & { stdin: NonNullable<ChildProcess['stdin']> } {
  const child = spawn(process.execPath, [mainFile, ...flags], { stdio: ['pipe', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

async function announced(child: ChildProcess): Promise<Announcement> {
  let errors = ''
  child.stderr?.on('data', (text: Buffer) => (errors += String(text)))
  for await (const line of createInterface({ input: child.stdout as Readable })) {
    return JSON.parse(line) as Announcement
  }
  throw new Error(`ended without an announcement: ${errors}`)
}

function controlOf({ clouds }: Announcement, type: string): ControlClient {
  const cloud = clouds[type]
  if (!cloud) throw new Error(`no ${type} announced`)
  const client = createControlClient(cloud)
  onTestFinished(() => client.close())
  return client
}

test('both clouds run in one process, announce what registers them, and leave nothing behind after SIGTERM', async () => {
  const child = run('--images')
  const announcement = await announced(child)
  expect(Object.keys(announcement.clouds)).toEqual(['aws', 'azure'])
  expect(announcement.image?.unique).toMatch(/^disk-/)
  for (const [type, cloud] of Object.entries(announcement.clouds)) {
    expect(cloud.regions.length).toBeGreaterThan(0)
    expect(Object.keys(cloud.credentials).length).toBeGreaterThan(1)
    expect(Object.values(cloud.endpoints)).toContain(cloud.url)
    expect(Array.isArray(await controlOf(announcement, type).residue())).toBe(true)
  }
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(existsSync(announcement.dir)).toBe(false)
})

test('the process ends when a cloud is asked to, over HTTP', async () => {
  const child = run('--clouds', 'aws')
  await controlOf(await announced(child), 'aws').shutdown()
  expect(await once(child, 'exit')).toEqual([0, null])
})

test('a tied process ends with its parent', async () => {
  const child = run('--clouds', 'aws', '--tied')
  await announced(child)
  child.stdin.end()
  expect(await once(child, 'exit')).toEqual([0, null])
})

test.each([
  [['--clouds', 'ibm'], '--clouds names ibm'],
  [['--images', '--image', 'x.raw'], 'give one of'],
])('a wrong flag is refused with the reason: %j', async (flags, reason) => {
  await expect(announced(run(...flags))).rejects.toThrow(reason)
})

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { chmod, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, type TestContext } from 'vitest'
import { createMachines, type Machines } from '#test/clouds/core/machines.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { readGuestConsole } from '#test/clouds/guest/console.ts'
import { buildGuestDisk } from '#test/clouds/guest/disk.ts'

/** For tests of what only a real QEMU shows: elsewhere they are skipped, and say how to get it. */
async function needsQemu(context: TestContext): Promise<void> {
  const available = await createMachines('').available()
  if ('reason' in available) context.skip(available.reason)
}

async function prepare(options?: { maxRunning: number }): Promise<{ dir: string; machines: Machines }> {
  const dir = await temporaryDir()
  const machines = createMachines(join(dir, 'consoles'), options)
  onTestFinished(() => machines.close())
  return { dir, machines }
}

const guestDisk = (dir: string, unique: string) =>
  buildGuestDisk({ path: join(dir, `${unique}.raw`), sizeBytes: 48 * 1024 * 1024, unique })

const guestReady = (machines: Machines, vmId: string) =>
  until(`${vmId} to be ready`, async () => readGuestConsole(await machines.console(vmId))?.ready === true)

test('a machine boots its disk; the disk counts its boots and keeps the count when the power is cut', async (context) => {
  await needsQemu(context)
  const { dir, machines } = await prepare()
  const { path } = await guestDisk(dir, 'counting')
  for (const boots of [1, 2]) {
    await machines.start('/vms/one', { diskPaths: [path], memoryMib: 512 })
    await guestReady(machines, '/vms/one')
    expect(machines.running('/vms/one')).toBe(true)
    await machines.stop('/vms/one')
    expect(machines.running('/vms/one')).toBe(false)
    // The console of a stopped machine can still be read, and is of its last boot only.
    expect(await machines.console('/vms/one')).toBe(
      `NOVACRON GUEST unique=counting boots=000${boots}\r\nNOVACRON READY\r\n`,
    )
    expect(await counterOn(path)).toBe(`000${boots + 1}`)
  }
})

test('a machine runs without rights although its disk lies where only the owner may go', async (context) => {
  await needsQemu(context)
  if (process.platform !== 'linux') context.skip('looks for the machine in /proc')
  const { dir, machines } = await prepare()
  const { path } = await guestDisk(dir, 'private')
  await chmod(path, 0o600)
  await chmod(dir, 0o700)
  const vmId = uniqueId('private')
  await machines.start(vmId, { diskPaths: [path], memoryMib: 64 })
  await guestReady(machines, vmId)
  expect(uidOf(machineProcess(vmId))).not.toBe(0)
})

test('a disk that does not boot prints nothing, and its machine runs', async (context) => {
  await needsQemu(context)
  const { dir, machines } = await prepare()
  const path = join(dir, 'blank.raw')
  await writeFile(path, Buffer.alloc(1024 * 1024))
  await machines.start('blank', { diskPaths: [path], memoryMib: 64 })
  await delay(500)
  expect([machines.running('blank'), await machines.console('blank')]).toEqual([true, ''])
})

test('a machine that ends by itself is not running, and what QEMU complained of is kept', async (context) => {
  await needsQemu(context)
  const { dir, machines } = await prepare()
  const { path } = await guestDisk(dir, 'shared')
  await machines.start('one', { diskPaths: [path], memoryMib: 64 })
  await guestReady(machines, 'one')
  // QEMU locks the disk of a running machine against a second one.
  await machines.start('two', { diskPaths: [path], memoryMib: 64 })
  await until('the second machine to end', async () => !machines.running('two'))
  expect(machines.complaint('two')).toContain('lock')
  expect(machines.running('one')).toBe(true)
})

test('of more machines than may run, the one started first loses its power and keeps its console', async (context) => {
  await needsQemu(context)
  const { dir, machines } = await prepare({ maxRunning: 2 })
  for (const name of ['first', 'second', 'third']) {
    const { path } = await guestDisk(dir, name)
    await machines.start(name, { diskPaths: [path], memoryMib: 64 })
    await guestReady(machines, name)
  }
  expect(['first', 'second', 'third'].map((name) => machines.running(name))).toEqual([false, true, true])
  expect(readGuestConsole(await machines.console('first'))?.unique).toBe('first')
})

test('a machine does not outlive the process that started it, however that ends', async (context) => {
  await needsQemu(context)
  if (process.platform !== 'linux') context.skip('looks for the machine in /proc')
  const { dir } = await prepare()
  const { path } = await guestDisk(dir, 'orphan')
  const vmId = uniqueId('orphan')
  const machinesFile = fileURLToPath(import.meta.resolve('#test/clouds/core/machines.ts'))
  const program = `
    const { createMachines } = await import(${JSON.stringify(machinesFile)})
    const [dir, vmId, path] = ${JSON.stringify([dir, vmId, path])}
    await createMachines(dir).start(vmId, { diskPaths: [path], memoryMib: 64 })
    console.log('started')
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void parent.kill('SIGKILL'))
  await once(parent.stdout, 'data')
  await until('the machine to run', async () => machineProcess(vmId) !== undefined)
  parent.kill('SIGKILL')
  await until('the machine to be gone', async () => machineProcess(vmId) === undefined)
})

test('without QEMU nothing starts, and the reason says how to get it', async () => {
  const dir = await temporaryDir()
  const machines = createMachines(dir, { path: dir })
  expect(await machines.available()).toEqual({
    reason: expect.stringContaining('npm run setup -- --system') as string,
  })
  await machines.start('vm', { diskPaths: [join(dir, 'none.raw')], memoryMib: 64 })
  expect([machines.running('vm'), await machines.console('vm')]).toEqual([false, ''])
})

test('a QEMU that runs no guest is not taken for one that does', async () => {
  const dir = await temporaryDir()
  await writeFile(join(dir, 'qemu-system-x86_64'), '#!/bin/sh\necho K\nexit 0\n', { mode: 0o755 })
  await chmod(dir, 0o755)
  expect(await createMachines(dir, { path: dir }).available()).toEqual({
    reason: expect.stringContaining('cannot run a guest here') as string,
  })
})

async function counterOn(path: string): Promise<string> {
  const file = await open(path)
  const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 3 * 512)
  await file.close()
  return buffer.toString()
}

/** Two runs of the tests on one machine do not see each other's. */
const uniqueId = (name: string): string => `${name}-${randomUUID().slice(0, 8)}`

/** Pid of the QEMU that runs this VM. Linux only. */
function machineProcess(vmId: string): string | undefined {
  return readdirSync('/proc').find((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')
      return words[0]?.includes('qemu-system') === true && words.some((word) => word.startsWith(`${vmId}.`))
    } catch {
      return false
    }
  })
}

function uidOf(pid: string | undefined): number {
  return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

async function until(what: string, reached: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + 15_000
  while (!(await reached())) {
    if (Date.now() > deadlineMs) throw new Error(`waited 15 s for ${what}`)
    await delay(10)
  }
}

import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { guestMachine, guestVolume } from '#test/clouds/onprem/guest-volume.ts'
import type { TestHost } from '#test/clouds/onprem/open-host.ts'
import { needsQemu, openTestHost } from '#test/clouds/onprem/qemu-host.ts'
import { tracesLeft } from '#test/clouds/onprem/traces.ts'
import { guestReady } from '#test/clouds/onprem/until.ts'

/** Where the boot sector keeps what it read from its disk (see boot.s): memory that a fresh boot would make anew. */
const address = 0x7e00

const byHand = (host: QemuHost, id: string, line: string) =>
  host.monitor(id, (monitor) => monitor.execute<string>('human-monitor-command', { 'command-line': line }))
const memoryOf = (host: QemuHost, id: string) => byHand(host, id, `xp /32xb ${address}`)

async function running(keyName?: string): Promise<TestHost & { id: string }> {
  const opened = await openTestHost()
  const spec = guestMachine(
    await guestVolume(opened.host, { unique: 'sleeper', ...(keyName ? { keyName } : {}) }),
    {
      maxVcpus: 2,
      maxMemoryMib: 64,
    },
  )
  await opened.machines.define(spec)
  await opened.machines.start(spec.id)
  await guestReady(opened.machines, spec.id)
  return { ...opened, id: spec.id }
}

test.for([undefined, 'volume/sleeper'])(
  'a suspended machine has no process, and goes on with the memory that it had (disk encrypted with: %s)',
  async (keyName, context) => {
    await needsQemu(context)
    const { machines, host, id, again } = await running(keyName)
    expect(await machines.resize(id, { vcpus: 2, memoryMib: 32 })).toBe(true)
    const before = await memoryOf(host, id)
    expect(before).toContain('0x73 0x6c 0x65 0x65 0x70')
    await machines.suspend(id)
    await machines.suspend(id)
    expect(await machines.status(id)).toEqual({ id, state: 'saved' })
    expect(await tracesLeft(host.layout.folder)).toMatchObject({ processes: [], sockets: [] })
    expect(await readFile(host.layout.machine(id).memory, 'latin1')).not.toContain('sleeper')

    await again().machines.start(id)
    expect(await machines.status(id)).toEqual({ id, state: 'running' })
    expect(await memoryOf(host, id)).toBe(before)
    // It has not booted: the console began anew and shows nothing.
    expect(await machines.console(id)).toBe('')
    await expect(readFile(host.layout.machine(id).memory)).rejects.toThrow('ENOENT')
  },
)

test.for(['migrate', 'memory write', 'query-migrate'])(
  'a suspension that fails at %s lets the guest go on, and can be done again',
  async (operation, context) => {
    await needsQemu(context)
    const { machines, host, id, tap } = await running()
    tap.inject({ operation, mode: 'drop_reply', times: 1 })
    await expect(machines.suspend(id)).rejects.toMatchObject({ code: 'network' })
    expect(await machines.status(id)).toEqual({ id, state: 'running' })
    await machines.suspend(id)
    await machines.start(id)
    expect(await memoryOf(host, id)).toContain('0x73 0x6c 0x65 0x65 0x70')
  },
)

test('a suspension that was cut short once its memory was kept is finished by the next start or suspension', async (context) => {
  await needsQemu(context)
  const { machines, host, id, tap } = await running()
  const before = await memoryOf(host, id)
  tap.inject({ operation: 'quit', mode: 'error', code: 'internal', times: 1 })
  await expect(machines.suspend(id)).rejects.toThrow('internal')
  expect(await machines.status(id)).toEqual({ id, state: 'paused' })
  await machines.start(id)
  expect(await machines.status(id)).toEqual({ id, state: 'running' })
  expect(await memoryOf(host, id)).toBe(before)
  // The memory of then is given up: it must not come back after the guest has gone on.
  await machines.powerOff(id)
  expect(await machines.status(id)).toEqual({ id, state: 'stopped' })
})

test('memory that is not what was kept is refused, and the machine stays suspended', async (context) => {
  await needsQemu(context)
  const { machines, host, id } = await running()
  await machines.suspend(id)
  const path = host.layout.machine(id).memory
  const kept = await readFile(path)
  const damaged = Buffer.from(kept)
  damaged.writeUInt8(damaged.readUInt8(damaged.length >> 1) ^ 1, damaged.length >> 1)
  for (const bytes of [damaged, kept.subarray(0, kept.length - 20)]) {
    await writeFile(path, bytes)
    await expect(machines.start(id)).rejects.toMatchObject({ code: 'integrity' })
    expect(await machines.status(id)).toEqual({ id, state: 'saved' })
    expect(await tracesLeft(host.layout.folder)).toMatchObject({ processes: [], sockets: [] })
  }
  await writeFile(path, kept)
  await machines.start(id)
  expect(await memoryOf(host, id)).toContain('0x73 0x6c 0x65 0x65 0x70')
})

test('what a suspended machine has cannot change, and cutting its power gives up its memory', async (context) => {
  await needsQemu(context)
  const { machines, host, id } = await running()
  await machines.suspend(id)
  expect(await machines.resize(id, { vcpus: 2, memoryMib: 32 })).toBe(false)
  const volume = await guestVolume(host)
  await expect(machines.attachDisk(id, { volume, device: 'vdb' })).rejects.toMatchObject({ code: 'conflict' })
  await machines.powerOff(id)
  expect(await machines.status(id)).toEqual({ id, state: 'stopped' })
  await machines.start(id)
  await guestReady(machines, id, 2)
})

import { expect, test, type TestContext } from 'vitest'
import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import { openQemuHost } from '#shared/clouds/onprem/qemu/qemu.ts'
import { guestMachine, guestVolume } from '#test/clouds/onprem/guest-volume.ts'
import type { TestHost } from '#test/clouds/onprem/open-host.ts'
import { needsQemu, openTestHost } from '#test/clouds/onprem/qemu-host.ts'
import { guestReady } from '#test/clouds/onprem/until.ts'

type Running = TestHost & { id: string }

/** A guest of one CPU and 32 MiB with room for four and 128. It has no operating system, so no driver for memory that is added. */
async function running(context: TestContext, changes: Partial<MachineSpec> = {}): Promise<Running> {
  await needsQemu(context)
  const opened = await openTestHost({ graceMs: 100 })
  const spec = guestMachine(await guestVolume(opened.host), { maxVcpus: 4, maxMemoryMib: 128, ...changes })
  await opened.machines.define(spec)
  await opened.machines.start(spec.id)
  await guestReady(opened.machines, spec.id)
  return { ...opened, id: spec.id }
}

const cpusOf = async ({ host, id }: Pick<Running, 'host' | 'id'>) =>
  (await host.monitor(id, (monitor) => monitor.execute<unknown[]>('query-cpus-fast'))).length

const askedForMib = async ({ host, id }: Running) => {
  const devices = await host.monitor(id, (monitor) =>
    monitor.execute<{ data: { 'requested-size': number } }[]>('query-memory-devices'),
  )
  return (devices[0]?.data['requested-size'] ?? 0) / 2 ** 20
}

test('CPUs are added while it runs; memory that the guest does not take, and what it has no room for, ask for a stop', async (context) => {
  const opened = await running(context)
  const { machines, id } = opened
  expect(await machines.resize(id, { vcpus: 3, memoryMib: 32 })).toBe(true)
  expect(await cpusOf(opened)).toBe(3)
  for (const size of [
    { vcpus: 4, memoryMib: 64 },
    { vcpus: 5, memoryMib: 32 },
    { vcpus: 1, memoryMib: 32 },
    { vcpus: 3, memoryMib: 16 },
  ])
    expect(await machines.resize(id, size)).toBe(false)
  expect(await machines.spec(id)).toMatchObject({ vcpus: 3, memoryMib: 32 })
  expect(await cpusOf(opened)).toBe(3)
  expect(await askedForMib(opened)).toBe(0)

  await machines.powerOff(id)
  expect(await machines.resize(id, { vcpus: 8, memoryMib: 64 })).toBe(true)
  expect(await machines.spec(id)).toMatchObject({ vcpus: 8, maxVcpus: 8, memoryMib: 64 })
})

test('a resize that was cut off is seen in the machine: the next one finishes it, and one that cannot take it back says so', async (context) => {
  const opened = await running(context)
  const { machines, id, tap } = opened
  const small = { vcpus: 1, memoryMib: 32 }
  const grown = { vcpus: 3, memoryMib: 32 }
  // The first of two CPUs is there, and nothing is written down.
  tap.inject({ operation: 'device_add', mode: 'drop_reply', times: 1 })
  await expect(machines.resize(id, grown)).rejects.toMatchObject({ code: 'network' })
  expect([await cpusOf(opened), (await machines.spec(id))?.vcpus]).toEqual([2, 1])
  expect(await machines.resize(id, small)).toBe(false)
  expect(await machines.resize(id, grown)).toBe(true)
  expect([await cpusOf(opened), (await machines.spec(id))?.vcpus]).toEqual([3, 3])

  // All is there but the note of it.
  const larger = { vcpus: 4, memoryMib: 32 }
  tap.inject({ operation: 'record put', mode: 'error', code: 'EIO', status: 500, skip: 1, times: 1 })
  await expect(machines.resize(id, larger)).rejects.toMatchObject({ code: 'unavailable' })
  expect([await cpusOf(opened), (await machines.spec(id))?.vcpus]).toEqual([4, 3])
  expect(await machines.resize(id, grown)).toBe(false)
  expect(await machines.resize(id, larger)).toBe(true)
  expect(await machines.spec(id)).toMatchObject(larger)
})

test('a machine that has grown is suspended and goes on, and moves to another host, as large as it is', async (context) => {
  const from = await running(context)
  const { machines, id } = from
  expect(await machines.resize(id, { vcpus: 3, memoryMib: 32 })).toBe(true)
  await machines.suspend(id)
  await machines.start(id)
  expect(await cpusOf(from)).toBe(3)

  const to = await openTestHost()
  const at = { ...(await guestVolume(to.host)), name: 'vol-there.qcow2' }
  const { settings, context: open } = to.host
  await machines.migrateLive(id, openQemuHost(settings, open), { volumes: [at], maxDowntimeMs: 10_000 })
  expect(await to.machines.status(id)).toEqual({ id, state: 'running' })
  expect(await cpusOf({ host: to.host, id })).toBe(3)
  // The room that is left went with it.
  expect(await to.machines.resize(id, { vcpus: 4, memoryMib: 32 })).toBe(true)
  expect(await cpusOf({ host: to.host, id })).toBe(4)
})

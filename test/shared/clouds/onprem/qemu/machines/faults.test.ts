import { expect, test } from 'vitest'
import { guestMachine, guestVolume } from '#test/clouds/onprem/guest-volume.ts'
import { needsQemu, openTestHost } from '#test/clouds/onprem/qemu-host.ts'
import { tracesLeft, tracesOf } from '#test/clouds/onprem/traces.ts'
import { guestReady } from '#test/clouds/onprem/until.ts'

/** All of them are in the sweep. */
const calls = ['qemu-system-x86_64', 'device_add']

test.for(calls)(
  'a start whose reply to %s is lost is taken up by the next, and makes one process',
  async (operation, context) => {
    await needsQemu(context)
    const { machines, host, tap } = await openTestHost()
    const spec = guestMachine(await guestVolume(host))
    await machines.define(spec)
    tap.inject({ operation, mode: 'drop_reply', times: 1 })
    await expect(machines.start(spec.id)).rejects.toMatchObject({ code: 'network', retryable: true })
    await machines.start(spec.id)
    await guestReady(machines, spec.id)
    expect((await tracesOf(host.layout.folder)).processes).toHaveLength(1)
    expect(await machines.status(spec.id)).toEqual({ id: spec.id, state: 'running' })
  },
)

test('a machine whose disk is not there is refused, and no process stays', async (context) => {
  await needsQemu(context)
  const { machines, host } = await openTestHost()
  const spec = guestMachine({ pool: 'default', name: 'vol-none.qcow2', format: 'qcow2' })
  await machines.define(spec)
  await expect(machines.start(spec.id)).rejects.toMatchObject({ code: 'not_found' })
  expect(await machines.status(spec.id)).toEqual({ id: spec.id, state: 'stopped' })
  expect(await tracesLeft(host.layout.folder)).toMatchObject({ processes: [], sockets: [] })
})

test('a volume that another machine runs on is not opened twice', async (context) => {
  await needsQemu(context)
  const { machines, host } = await openTestHost()
  const volume = await guestVolume(host)
  const [one, two] = [guestMachine(volume), guestMachine(volume)]
  await machines.define(one)
  await machines.define(two)
  await machines.start(one.id)
  await expect(machines.start(two.id)).rejects.toMatchObject({ code: 'conflict', retryable: true })
  expect((await tracesOf(host.layout.folder)).processes).toHaveLength(1)
})

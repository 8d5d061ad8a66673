import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { HypervisorHost, MachineSpec } from '#shared/clouds/onprem/host.ts'
import { findLibvirt, startLibvirtDaemon, type LibvirtDaemon } from '#test/clouds/libvirt/daemon.ts'
import { booted, makeBootVolume, openTestHost, specFor } from '#test/clouds/libvirt/host.ts'
import { processesOf } from '#test/clouds/libvirt/processes.ts'
import { freePort } from '#shared/services/process.ts'

const libvirt = findLibvirt()
const reason = 'reason' in libvirt ? ` (skipped: ${libvirt.reason})` : ''

describe.skipIf(reason)(`machines under libvirt, whatever happens to them${reason}`, () => {
  let daemon: LibvirtDaemon
  let host: HypervisorHost
  beforeAll(async () => {
    daemon = await startLibvirtDaemon()
    host = openTestHost(daemon)
  })
  afterEach(async () => {
    for (const { id } of await host.machines.list()) await host.machines.undefine(id)
  })
  afterAll(async () => {
    host.close()
    await daemon.close()
  })
  const define = async (changes: Partial<MachineSpec> = {}) => {
    const spec = specFor(await makeBootVolume(host, 'sweep'), changes)
    await host.machines.define(spec)
    return spec
  }
  const stateOf = async (id: string) => (await host.machines.status(id))?.state

  test('a suspended machine goes on where it was, with room to grow, and is forgotten by a power-off', async () => {
    const { id } = await define({ maxVcpus: 4, maxMemoryMib: 64 })
    await host.machines.start(id)
    await booted(host, id)
    await host.machines.suspend(id)
    await host.machines.suspend(id)
    expect(await host.machines.list()).toEqual([{ id, state: 'saved' }])
    expect(await stateOf(id)).toBe('saved')
    await host.machines.start(id)
    expect(await stateOf(id)).toBe('running')
    // It did not boot again.
    expect(await host.machines.console(id)).toBe('')
    expect(await host.machines.resize(id, { vcpus: 2, memoryMib: 32 })).toBe(true)
    await host.machines.suspend(id)
    await host.machines.powerOff(id)
    expect(await stateOf(id)).toBe('stopped')
    await host.machines.start(id)
    expect((await booted(host, id)).boots).toBe(1)
    await expect(
      host.machines.define(specFor({ pool: 'default', name: 'x', format: 'raw' }, { id })),
    ).rejects.toMatchObject({
      code: 'conflict',
    })
  })

  test('a machine whose process was killed has crashed, and starts again', async () => {
    const { id } = await define()
    await host.machines.start(id)
    await booted(host, id)
    killGuest(daemon, id)
    await expect.poll(() => stateOf(id), { timeout: 10_000 }).toBe('crashed')
    await host.machines.start(id)
    expect((await booted(host, id)).boots).toBe(1)
    await host.machines.restart(id)
    expect((await booted(host, id, ({ boots }) => boots === 2)).boots).toBe(2)
  })

  test('guests go on while the daemon is restarted, and what was encrypted starts again after it', async () => {
    const { id } = await define()
    const data = { pool: 'default', name: 'secret.qcow2', format: 'qcow2' as const, keyName: 'volume/secret' }
    await host.volumes.create(data, { sizeBytes: 2 ** 20 })
    await host.machines.attachDisk(id, { volume: data, device: 'vdb' })
    await host.machines.start(id)
    await booted(host, id)
    await daemon.restart()
    expect(await stateOf(id)).toBe('running')
    await host.machines.powerOff(id)
    await daemon.restart()
    await host.machines.start(id)
    expect((await booted(host, id)).boots).toBe(1)
    // libvirt would write its memory unencrypted.
    await expect(host.machines.suspend(id)).rejects.toMatchObject({ code: 'unsupported' })
    await host.machines.powerOff(id)
    await host.machines.detachDisk(id, 'vdb')
    await host.machines.detachDisk(id, 'vdb')
    await host.volumes.delete(data)
  })

  test('a disk is plugged into a running machine once; a guest without an operating system does not let go of it', async () => {
    const { id } = await define()
    const data = { pool: 'default', name: 'data.qcow2', format: 'qcow2' as const }
    await host.volumes.create(data, { sizeBytes: 2 ** 20 })
    await host.machines.start(id)
    await booted(host, id)
    await host.machines.attachDisk(id, { volume: data, device: 'vdb' })
    await host.machines.attachDisk(id, { volume: data, device: 'vdb' })
    expect((await host.machines.spec(id))?.disks.map(({ device }) => device)).toEqual(['vda', 'vdb'])
    await expect(
      host.machines.attachDisk(id, { volume: { ...data, name: 'other.qcow2' }, device: 'vdb' }),
    ).rejects.toMatchObject({ code: 'conflict' })
    await expect(host.machines.attachDisk(id, { volume: data, device: '../x' })).rejects.toMatchObject({
      code: 'invalid_request',
    })
    await expect(host.machines.detachDisk(id, 'vdb')).rejects.toMatchObject({ code: 'conflict' })
    await host.machines.powerOff(id)
    await host.machines.detachDisk(id, 'vdb')
    expect((await host.machines.spec(id))?.disks.map(({ device }) => device)).toEqual(['vda'])
  })

  test('processors are added while it runs; memory only if the guest takes it, and then nothing is changed', async () => {
    const { id } = await define({ maxVcpus: 4, maxMemoryMib: 64 })
    await host.machines.start(id)
    await booted(host, id)
    expect(await host.machines.resize(id, { vcpus: 2, memoryMib: 32 })).toBe(true)
    expect(await host.machines.resize(id, { vcpus: 2, memoryMib: 32 })).toBe(true)
    expect(await host.machines.resize(id, { vcpus: 1, memoryMib: 32 })).toBe(false)
    expect(await host.machines.resize(id, { vcpus: 2, memoryMib: 48 })).toBe(false)
    expect(await host.machines.resize(id, { vcpus: 5, memoryMib: 32 })).toBe(false)
    expect(await host.machines.spec(id)).toMatchObject({ vcpus: 2, memoryMib: 32, maxVcpus: 4 })
    await host.machines.powerOff(id)
    expect(await host.machines.resize(id, { vcpus: 8, memoryMib: 128 })).toBe(true)
    expect(await host.machines.spec(id)).toMatchObject({
      vcpus: 8,
      memoryMib: 128,
      maxVcpus: 8,
      maxMemoryMib: 128,
    })
    await host.machines.start(id)
    await booted(host, id)
  })

  test('a machine whose port is taken does not run; with another port it does', async () => {
    const hostPort = await freePort()
    const forwards = [{ protocol: 'tcp' as const, hostAddress: '127.0.0.1', hostPort, guestPort: 22 }]
    const one = await define()
    const two = await define()
    for (const { id } of [one, two]) await host.machines.setForwards(id, forwards)
    await host.machines.start(one.id)
    await expect(host.machines.start(two.id)).rejects.toMatchObject({ code: 'conflict' })
    expect(await stateOf(two.id)).toBe('stopped')
    await expect(
      host.machines.setForwards(two.id, [{ protocol: 'tcp', hostAddress: '::1', hostPort, guestPort: 22 }]),
    ).rejects.toMatchObject({ code: 'unsupported' })
    await host.machines.setForwards(two.id, [
      { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: await freePort(), guestPort: 22 },
    ])
    await host.machines.start(two.id)
    expect(await stateOf(two.id)).toBe('running')
  })

  test('a machine boots by UEFI, with variables of its own that go with it', async () => {
    const { id } = await define({ firmware: 'uefi', memoryMib: 128, maxMemoryMib: 128 })
    await host.machines.start(id)
    await expect
      .poll(() => host.machines.console(id), { timeout: 60_000, interval: 500 })
      .toMatch(/BdsDxe|UEFI|Shell/)
    await host.machines.undefine(id)
    expect(await host.machines.list()).toEqual([])
  })
})

function killGuest(daemon: LibvirtDaemon, id: string): void {
  const guest = processesOf(daemon.folder).find(
    ({ command }) => command.includes('qemu-system') && command.includes(id),
  )
  if (!guest) throw new Error(`no process of ${id}`)
  process.kill(guest.pid, 'SIGKILL')
}

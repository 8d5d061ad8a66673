import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HypervisorHost } from '#shared/clouds/onprem/host.ts'
import { freePort } from '#shared/services/process.ts'
import { findLibvirt, startLibvirtDaemon, type LibvirtDaemon } from '#test/clouds/libvirt/daemon.ts'
import { booted, makeBootVolume, openTestHost, specFor } from '#test/clouds/libvirt/host.ts'

const libvirt = findLibvirt()
const reason = 'reason' in libvirt ? ` (skipped: ${libvirt.reason})` : ''

describe.skipIf(reason)(`live migration between two libvirt hosts${reason}`, () => {
  let daemons: LibvirtDaemon[]
  let hosts: HypervisorHost[]
  beforeAll(async () => {
    daemons = [await startLibvirtDaemon(), await startLibvirtDaemon()]
    hosts = daemons.map((daemon) => openTestHost(daemon))
  })
  afterAll(async () => {
    for (const host of hosts) host.close()
    for (const daemon of daemons) await daemon.close()
  })

  test('a machine goes on elsewhere with its disks, standing still no longer than allowed, and nothing of it stays', async () => {
    const [from, to] = hosts
    if (!from || !to) throw new Error('no hosts')
    const boot = await makeBootVolume(from, 'moves')
    const data = { pool: 'default', name: 'vol-data.qcow2', format: 'qcow2' as const, keyName: 'volume/data' }
    await from.volumes.create(data, { sizeBytes: 4 * 2 ** 20 })
    const hostPort = await freePort()
    const forwards = [{ protocol: 'tcp' as const, hostAddress: '127.0.0.1', hostPort, guestPort: 22 }]
    const spec = specFor(boot, {
      disks: [
        { volume: boot, device: 'vda' },
        { volume: data, device: 'vdb' },
      ],
    })
    const { id } = spec
    await from.machines.define(spec)
    await from.machines.setForwards(id, forwards)
    await from.machines.start(id)
    await booted(from, id)

    const volumes = [
      { ...boot, name: 'vol-boot-there.raw' },
      { ...data, name: 'vol-data-there.qcow2' },
    ]
    const result = await from.machines.migrateLive(id, to, { volumes, maxDowntimeMs: 250 })
    expect(result.downtimeMs).toBeLessThanOrEqual(250)
    expect(result.downtimeMs).toBeGreaterThan(0)
    expect(result.memoryBytes).toBeGreaterThan(0)
    expect(result.diskBytes).toBeGreaterThan(0)
    expect(await from.machines.list()).toEqual([])
    expect(await to.machines.status(id)).toEqual({ id, state: 'running' })
    expect((await to.machines.spec(id))?.disks.map(({ volume }) => volume.name)).toEqual(
      volumes.map(({ name }) => name),
    )
    expect((await to.machines.spec(id))?.nics[0]?.forwards).toEqual(forwards)
    expect(readdirSync(daemons[0]?.poolPath ?? '')).toEqual([])
    expect(await from.records.list('leaving')).toEqual([])

    // Called again by a worker that did not see the end.
    await from.machines.migrateLive(id, to, { volumes, maxDowntimeMs: 250 })
    await to.machines.restart(id)
    expect((await booted(to, id, ({ boots, ready }) => ready && boots === 1)).unique).toBe('moves')
    await to.machines.undefine(id)
    expect(readdirSync(daemons[1]?.poolPath ?? '').toSorted()).toEqual(
      volumes.map(({ name }) => name).toSorted(),
    )
  })

  test('a machine that has grown goes on elsewhere as large as it is, and grows there', async () => {
    const [from, to] = hosts
    if (!from || !to) throw new Error('no hosts')
    const boot = await makeBootVolume(from, 'grows')
    const { id } = await defineGrowing(from, boot)
    expect(await from.machines.resize(id, { vcpus: 3, memoryMib: 32 })).toBe(true)
    const volumes = [{ ...boot, name: 'vol-grown-there.raw' }]
    await from.machines.migrateLive(id, to, { volumes, maxDowntimeMs: 1_000 })
    expect(await to.machines.status(id)).toEqual({ id, state: 'running' })
    expect(await to.machines.spec(id)).toMatchObject({ vcpus: 3, memoryMib: 32, maxVcpus: 4 })
    expect(await to.machines.resize(id, { vcpus: 1, memoryMib: 32 })).toBe(false)
    expect(await to.machines.resize(id, { vcpus: 4, memoryMib: 32 })).toBe(true)
    await to.machines.powerOff(id)
    await to.machines.start(id)
    await booted(to, id)
    expect(await to.machines.resize(id, { vcpus: 3, memoryMib: 32 })).toBe(false)
    await to.machines.undefine(id)
  })
})

/** Started with one processor and 32 MiB, and room for four and 64. */
async function defineGrowing(host: HypervisorHost, boot: Awaited<ReturnType<typeof makeBootVolume>>) {
  const spec = specFor(boot, { maxVcpus: 4, maxMemoryMib: 64 })
  await host.machines.define(spec)
  await host.machines.start(spec.id)
  await booted(host, spec.id)
  return spec
}

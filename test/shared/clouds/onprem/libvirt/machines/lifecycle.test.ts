import { createConnection } from 'node:net'
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HypervisorHost } from '#shared/clouds/onprem/host.ts'
import { freePort } from '#shared/services/process.ts'
import { findLibvirt, startLibvirtDaemon, type LibvirtDaemon } from '#test/clouds/libvirt/daemon.ts'
import { booted, makeBootVolume, openTestHost, specFor } from '#test/clouds/libvirt/host.ts'
import { processesOf } from '#test/clouds/libvirt/processes.ts'

const libvirt = findLibvirt()
const reason = 'reason' in libvirt ? ` (skipped: ${libvirt.reason})` : ''

describe.skipIf(reason)(`a machine under libvirt${reason}`, () => {
  let daemon: LibvirtDaemon
  let host: HypervisorHost
  let other: HypervisorHost
  beforeAll(async () => {
    daemon = await startLibvirtDaemon()
    host = openTestHost(daemon)
    other = openTestHost(daemon)
  })
  afterAll(async () => {
    host.close()
    other.close()
    await daemon.close()
  })

  test('boots its disk, is reached by its forwards, is seen by other workers, and leaves nothing behind', async () => {
    const volume = await makeBootVolume(host, 'life')
    const [first, second] = [await freePort(), await freePort()]
    const forward = (hostPort: number) => ({
      protocol: 'tcp' as const,
      hostAddress: '127.0.0.1',
      hostPort,
      guestPort: 22,
    })
    const spec = specFor(volume, {})
    const id = spec.id
    const [nic] = spec.nics
    if (!nic) throw new Error('no interface')
    await host.machines.define({ ...spec, nics: [{ ...nic, forwards: [forward(first)] }] })
    expect(await other.machines.list()).toEqual([{ id, state: 'stopped' }])
    expect(await other.machines.console(id)).toBeUndefined()

    await Promise.all([host.machines.start(id), other.machines.start(id)])
    expect(await booted(other, id)).toEqual({ unique: 'life', boots: 0, ready: true })
    expect(await other.machines.status(id)).toEqual({ id, state: 'running' })
    expect(await isOpen(first)).toBe(true)

    await other.machines.setForwards(id, [forward(second)])
    expect([await isOpen(first), await isOpen(second)]).toEqual([false, true])
    expect((await host.machines.spec(id))?.nics[0]?.forwards).toEqual([forward(second)])
    expect(await host.machines.stats(id)).toMatchObject({ diskWriteOps: 1, diskReadBytes: 1536 })

    // It has neither an agent nor ACPI: the power is cut after the grace.
    await host.machines.shutdown(id)
    expect(await other.machines.status(id)).toEqual({ id, state: 'stopped' })
    expect(await host.machines.stats(id)).toBeUndefined()

    await host.machines.undefine(id)
    await other.machines.undefine(id)
    expect(await other.machines.list()).toEqual([])
    expect(await isOpen(second)).toBe(false)
    expect(readdirSync(daemon.poolPath)).toEqual([volume.name])
    expect(processesOf(daemon.folder).filter(({ command }) => command.includes('qemu-system'))).toEqual([])
  })

  test('what a host cannot run is refused before anything is made', async () => {
    const volume = { pool: 'default', name: 'none.raw', format: 'raw' as const }
    await expect(host.machines.define(specFor(volume, { architecture: 'arm64' }))).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('architecture') as string,
    })
    await expect(host.machines.define(specFor(volume, { vcpus: 2 }))).rejects.toMatchObject({
      code: 'invalid_request',
    })
    await expect(host.machines.define(specFor(volume, { id: '--help' }))).rejects.toMatchObject({
      code: 'invalid_request',
    })
    await expect(host.machines.define(specFor(volume))).rejects.toMatchObject({ code: 'not_found' })
    await expect(host.networks.createNat('net-1', { name: 'n', cidr: '10.0.0.0/24' })).rejects.toMatchObject({
      code: 'unsupported',
    })
    expect(await host.machines.list()).toEqual([])
  })
})

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

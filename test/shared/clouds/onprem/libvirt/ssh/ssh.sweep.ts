import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HypervisorHost } from '#shared/clouds/onprem/host.ts'
import { sha256 } from '#shared/disks/hash.ts'
import { findLibvirt, startLibvirtDaemon, type LibvirtDaemon } from '#test/clouds/libvirt/daemon.ts'
import { booted, makeBootVolume, openTestHost, specFor } from '#test/clouds/libvirt/host.ts'
import { startSshHost, type SshHost } from '#test/clouds/libvirt/ssh-host.ts'
import { sshdMissing, startSshd, type Sshd } from '#test/clouds/libvirt/sshd.ts'

const libvirt = findLibvirt()
const why = 'reason' in libvirt ? libvirt.reason : sshdMissing()
const reason = why === undefined ? '' : ` (skipped: ${why})`

describe.skipIf(reason)(`a libvirt host behind ssh${reason}`, () => {
  let daemon: LibvirtDaemon
  let server: SshHost
  let otherServer: Sshd
  let host: HypervisorHost
  const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith('novacron-ssh-'))
  let before: string[]
  beforeAll(async () => {
    before = folders()
    daemon = await startLibvirtDaemon()
    server = await startSshHost(daemon)
    otherServer = await startSshd()
    host = openTestHost({ uri: server.uri, ssh: server.sshd })
  })
  afterAll(async () => {
    host.close()
    await server.close()
    await otherServer.close()
    await daemon.close()
  })

  test('a machine lives there as on a local one: disk, console, memory kept, records', async () => {
    expect(await host.facts()).toMatchObject({ networkKinds: ['user'], cpus: expect.any(Number) as number })
    await host.records.put('vm', 'far', { name: 'far away' })
    const near = openTestHost(daemon)
    expect(await near.records.get('vm', 'far')).toEqual({ name: 'far away' })
    near.close()
    const spec = specFor(await makeBootVolume(host, 'far'))
    await host.machines.define(spec)
    await host.machines.start(spec.id)
    expect((await booted(host, spec.id)).unique).toBe('far')
    await host.machines.suspend(spec.id)
    await host.machines.start(spec.id)
    expect(await host.machines.status(spec.id)).toEqual({ id: spec.id, state: 'running' })
    await host.machines.undefine(spec.id)
    expect(readdirSync(daemon.poolPath)).toHaveLength(1)
  })

  test('a volume is written and read through the connection', async () => {
    const ref = { pool: 'default', name: 'far.qcow2', format: 'qcow2' as const, keyName: 'volume/far' }
    await host.volumes.create(ref, { sizeBytes: 4 * 2 ** 20 })
    const sink = await host.volumes.openSink(ref)
    const data = Buffer.alloc(2 ** 20, 'far away ')
    await sink.write({ offset: 2 ** 20, data, sha256: await sha256(data) })
    await sink.flush()
    await sink.close()
    const source = await host.volumes.openSource(ref)
    expect((await source.read({ offset: 2 ** 20, length: data.length })).equals(data)).toBe(true)
    await source.close()
    await host.volumes.delete(ref)
  })

  test('a connection that is cut is made anew', async () => {
    await host.records.list('vm')
    server.sshd.cut()
    // The first call may be the one that notices.
    await host.records.list('vm').catch(() => undefined)
    expect(await host.records.list('vm')).toHaveLength(1)
  })

  test('another server with the same address is not spoken to, and a stranger is not let in; each error says what to do', async () => {
    const { uri, sshd } = server
    const knownHosts = otherServer.knownHosts.replace(`:${otherServer.port}`, `:${sshd.port}`)
    const elsewhere = openTestHost({ uri, ssh: { privateKey: sshd.privateKey, knownHosts } })
    await expect(elsewhere.facts()).rejects.toMatchObject({ code: 'tls', vendorCode: 'ssh_host_key' })
    const stranger = openTestHost({
      uri,
      ssh: { privateKey: otherServer.privateKey, knownHosts: sshd.knownHosts },
    })
    await expect(stranger.facts()).rejects.toMatchObject({ code: 'auth_failed', vendorCode: 'ssh_auth' })
    const keyless = openTestHost({ uri, ssh: { knownHosts: sshd.knownHosts } })
    await expect(keyless.facts()).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('ssh_private_key') as string,
    })
    for (const each of [elsewhere, stranger, keyless]) each.close()
  })

  test('keys lie in a folder that only we can open, and go when the host is closed', async () => {
    const mine = openTestHost({ uri: server.uri, ssh: server.sshd })
    const others = folders()
    await mine.records.list('vm')
    expect(folders()).toHaveLength(others.length + 1)
    mine.close()
    expect(folders()).toEqual(others)
    expect(folders().length).toBeLessThanOrEqual(before.length + 1)
  })
})

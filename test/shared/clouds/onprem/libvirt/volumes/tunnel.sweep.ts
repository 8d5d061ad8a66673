import { existsSync, readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSsh, type SshAccess } from '#shared/clouds/onprem/libvirt/ssh.ts'
import { createVolumes } from '#shared/clouds/onprem/libvirt/volumes/volumes.ts'
import { sha256 } from '#shared/disks/hash.ts'
import { findLibvirt } from '#test/clouds/libvirt/find.ts'
import { sshdMissing, startSshd, type Sshd } from '#test/clouds/libvirt/sshd.ts'
import { openVolumesLab, type VolumesLab } from './lab.ts'

const libvirt = findLibvirt()
const missing = 'reason' in libvirt ? libvirt.reason : sshdMissing()
const reason = missing === undefined ? '' : ` (skipped: ${missing})`

describe.skipIf(reason)(`volumes of a host that is reached by ssh${reason}`, { timeout: 180_000 }, () => {
  let lab: VolumesLab
  let sshd: Sshd
  let ssh: SshAccess
  beforeAll(async () => {
    lab = await openVolumesLab()
    sshd = await startSshd()
    ssh = accessTo(sshd, sshd.knownHosts)
  })
  afterAll(() => lab.close())
  afterAll(() => sshd.close())
  afterAll(() => ssh.close())
  const accessTo = ({ user, port, privateKey }: Sshd, knownHosts: string) => {
    const access = openSsh(`qemu+ssh://${user}@127.0.0.1:${port}/system`, { privateKey, knownHosts })
    if (!access) throw new Error('not a URI of a host behind ssh')
    return access
  }

  test('what was written through the tunnel is read through it, and nothing of it is left', async () => {
    const volumes = createVolumes({ ...lab.host, ssh })
    const ref = lab.ref('far', 'volume/far')
    await volumes.create(ref, { sizeBytes: 8 * 2 ** 20 })
    const sink = await volumes.openSink(ref)
    const data = Buffer.alloc(2 ** 20, 6)
    for (let at = 0; at < 4; at++)
      await sink.write({ offset: at * 2 ** 20, data, sha256: await sha256(data) })
    expect(sockets()).toHaveLength(1)
    await sink.close()
    const source = await volumes.openSource(ref)
    expect((await source.read({ offset: 3 * 2 ** 20, length: 2 ** 20 })).equals(data)).toBe(true)
    await source.close()
    expect(sockets()).toEqual([])
    await volumes.delete(ref)
    await lab.expectNothingLeft()
  })

  test('a host with another key than the registered one gets no data, and no helper is left', async () => {
    const other = accessTo(sshd, `[127.0.0.1]:${sshd.port} ssh-ed25519 ${'A'.repeat(68)}`)
    const volumes = createVolumes({ ...lab.host, ssh: other })
    const ref = lab.ref('unknown')
    await volumes.create(ref, { sizeBytes: 2 ** 20 })
    await expect(volumes.openSource(ref)).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('Host key verification failed') as string,
    })
    other.close()
    await volumes.delete(ref)
    await lab.expectNothingLeft()
  })

  const sockets = () => {
    const folder = dirname(ssh.config())
    return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.sock')) : []
  }
})

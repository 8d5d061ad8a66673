import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { smokeBoot } from '#shared/clouds/onprem/libvirt/smoke.ts'
import { findLibvirt, startLibvirtDaemon, type LibvirtDaemon } from '#test/clouds/libvirt/daemon.ts'
import { connectTo } from './volumes/lab.ts'

const libvirt = findLibvirt()
const reason = 'reason' in libvirt ? ` (skipped: ${libvirt.reason})` : ''

describe.skipIf(reason)(`the proof that a host runs guests${reason}`, () => {
  let daemon: LibvirtDaemon
  beforeAll(async () => {
    daemon = await startLibvirtDaemon()
  })
  afterAll(() => daemon.close())

  test('a guest that boots is told from one that does not, and neither leaves anything behind', async () => {
    const host = connectTo(daemon.uri)
    expect(await smokeBoot(host, 'qemu', 20_000)).toBe('')
    expect(await smokeBoot(host, 'qemu', 0)).toBe('it printed nothing')
    expect(readdirSync(daemon.poolPath)).toEqual([])
    expect((await host.virsh.run(['list', '--all', '--name'])).text.trim()).toBe('')
    host.close()
  })
})

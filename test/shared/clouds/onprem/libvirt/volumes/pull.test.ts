import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exportMoment } from '#shared/clouds/onprem/libvirt/volumes/exports.ts'
import { track } from '#shared/clouds/onprem/libvirt/volumes/marks.ts'
import { openNbdSource } from '#shared/disks/nbd/source.ts'
import type { Extent } from '#shared/disks/port.ts'
import { findLibvirt } from '#test/clouds/libvirt/find.ts'
import { openVolumesLab, type VolumesLab } from './lab.ts'

const libvirt = findLibvirt()
const reason = 'reason' in libvirt ? ` (skipped: ${libvirt.reason})` : ''

describe.skipIf(reason)(`a running machine's disk, pulled by NBD${reason}`, () => {
  let lab: VolumesLab
  beforeAll(async () => {
    lab = await openVolumesLab()
  })
  afterAll(() => lab.close())

  test('after N MiB were written since a checkpoint, at most N × 1.2 + 1 MiB are listed, and with them the base becomes the disk', async () => {
    const volume = lab.ref('vol-pulled')
    await lab.volumes.create(volume, { sizeBytes: 64 * mebibyte })
    const machine = await lab.startMachine(volume)
    const disk = { domain: machine, device: 'vda' }
    await lab.write(machine, 'vda', 'write -P 1 0 8M')
    await track(lab.host, disk, 'mark-1')
    const base = await pull(lab, disk)

    await lab.write(machine, 'vda', 'write -P 2 3M 3M', 'write -P 3 40M 512k', 'write -z 7M 512k')
    const scratch = { pool: lab.daemon.pool }
    const served = await exportMoment(lab.host, disk, { since: 'mark-1', scratch })
    // What comes after that moment is not seen.
    await lab.write(machine, 'vda', 'write -P 9 0 64M')
    const source = await openNbdSource({
      address: { path: served.socket },
      exportName: served.exportName,
      selection: { kind: 'dirty', bitmap: 'changes' },
    })
    const changed: Extent[] = []
    for await (const extent of source.extents()) {
      changed.push(extent)
      const data = await source.read(extent)
      data.copy(base, extent.offset)
    }
    const bytes = changed.reduce((sum, { length }) => sum + length, 0)
    expect(bytes).toBeGreaterThanOrEqual(4 * mebibyte)
    expect(bytes).toBeLessThanOrEqual(4 * mebibyte * 1.2 + mebibyte)

    const whole = await openNbdSource({ address: { path: served.socket }, exportName: served.exportName })
    expect(base.equals(await whole.read({ offset: 0, length: 64 * mebibyte }))).toBe(true)
    expect([base[0], base[3 * mebibyte], base[40 * mebibyte], base[7 * mebibyte]]).toEqual([1, 2, 3, 0])

    await Promise.all([source.close(), whole.close()])
    await served.end()
    await lab.stopMachine(machine)
    await lab.expectNothingLeft()
  })
})

const mebibyte = 2 ** 20

/** All that a disk holds at a moment. */
async function pull(lab: VolumesLab, disk: { domain: string; device: string }): Promise<Buffer> {
  const served = await exportMoment(lab.host, disk, { scratch: { pool: lab.daemon.pool } })
  const source = await openNbdSource({ address: { path: served.socket }, exportName: served.exportName })
  const content = Buffer.alloc(source.sizeBytes)
  for await (const extent of source.extents()) (await source.read(extent)).copy(content, extent.offset)
  await source.close()
  await served.end()
  return content
}

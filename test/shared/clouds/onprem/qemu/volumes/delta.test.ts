import { expect, test, type TestContext } from 'vitest'
import { copyDisk, type CopyResult } from '#shared/disks/copy.ts'
import type { CopyJournal } from '#shared/disks/journal.ts'
import type { DiskSource } from '#shared/disks/port.ts'
import { memoryJournal } from '#test/shared/disks/memory.ts'
import { contentOf, fill, killServers, mebibyte, openLab, qcow2, type VolumesLab } from './lab.ts'

for (const [kind, key, otherKey] of [
  ['plain', undefined, undefined],
  ['encrypted', 'volume/vol-1', 'volume/vol-2'],
] as const) {
  test(`what changed on a ${kind} disk is copied to another host for no more than what was written`, async (context) => {
    const { from, to, changes } = await twoHosts(context, key, otherKey)
    const result = await copyChanges(from, to, memoryJournal())
    expect(result.bytesWritten).toBeGreaterThanOrEqual(changes)
    expect(result.bytesWritten).toBeLessThanOrEqual(changes * 1.2 + mebibyte)
    expect(await contentOf(to.volumes, target(to))).toBe(await contentOf(from.volumes, later(from)))
    expect([...(await from.leftovers()), ...(await to.leftovers())]).toEqual([])
  })

  test(`when the server of a ${kind} target is killed amid the changes, the copy goes on where it was and the disks are equal`, async (context) => {
    const { from, to, changes } = await twoHosts(context, key, otherKey)
    const journal = memoryJournal((chunks) => {
      recorded += chunks.length
      if (recorded >= 10 && !killed) killed = killServers(to)
    })
    let recorded = 0
    let killed: Promise<number> | undefined
    await expect(copyChanges(from, to, journal)).rejects.toMatchObject({ code: 'network', retryable: true })
    expect(await killed).toBe(1)

    const result = await copyChanges(from, to, journal)
    expect(result.bytesResumed).toBeGreaterThan(0)
    expect(result.bytesResumed + result.bytesWritten).toBeLessThanOrEqual(changes * 1.2 + mebibyte)
    expect(await contentOf(to.volumes, target(to))).toBe(await contentOf(from.volumes, later(from)))
    expect(await to.leftovers()).toEqual([])
  })
}

/** A host, and the name of the key that its volumes are encrypted with. */
interface Side extends VolumesLab {
  key: string | undefined
}

const base = ({ key }: Side) => qcow2('snap-1', key)
const later = ({ key }: Side) => qcow2('snap-2', key)
const target = ({ key }: Side) => qcow2('vol-9', key)

/** A disk with two snapshots on one host, and the first one's content on the other. */
async function twoHosts(
  context: TestContext,
  key: string | undefined,
  otherKey: string | undefined,
): Promise<{ from: Side; to: Side; changes: number }> {
  const from = { ...(await openLab(context)), key }
  const to = { ...(await openLab(context)), key: otherKey }
  const volume = qcow2('vol-1', key)
  await from.volumes.create(volume, { sizeBytes: 12 * mebibyte })
  await fill(from.volumes, volume, 0, 6 * mebibyte)
  await from.volumes.backup(volume, base(from), {})
  await to.volumes.create(target(to), { sizeBytes: 12 * mebibyte })
  await copy(await from.volumes.openSource(base(from)), to, memoryJournal(), false)

  await fill(from.volumes, volume, 2 * mebibyte + 4096, 2 * mebibyte)
  await fill(from.volumes, volume, 10 * mebibyte, mebibyte)
  await fill(from.volumes, volume, 5 * mebibyte, mebibyte, Buffer.alloc(mebibyte))
  await from.volumes.backup(volume, later(from), { since: base(from) })
  return { from, to, changes: 4 * mebibyte }
}

const copyChanges = async (from: Side, to: Side, journal: CopyJournal): Promise<CopyResult> =>
  copy(await from.volumes.openSource(later(from), { since: base(from) }), to, journal, true)

async function copy(
  source: DiskSource,
  to: Side,
  journal: CopyJournal,
  changesOnly: boolean,
): Promise<CopyResult> {
  try {
    const sink = await to.volumes.openSink(target(to))
    try {
      const { signal } = new AbortController()
      return await copyDisk({ source, sink, journal, slots: 8, signal, changesOnly })
    } finally {
      await sink.close()
    }
  } finally {
    await source.close()
  }
}

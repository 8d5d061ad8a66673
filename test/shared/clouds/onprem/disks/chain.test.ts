import { afterEach, expect, test } from 'vitest'
import type { CloudRef } from '#shared/clouds/port.ts'
import { newJob, readAllocated, removeAll } from '#test/shared/clouds/conformance/subject.ts'
import { chainLab } from '#test/shared/clouds/onprem/disks/chain-lab.ts'
import { onQemu } from '#test/shared/clouds/onprem/on-qemu.ts'

const mib = 2 ** 20

onQemu('a chain of snapshots', (subject) => {
  const job = newJob()
  afterEach(() => removeAll(subject, job))
  const { take, chainOf, digestOf, kept } = chainLab(subject, job)

  test('each holds only what changed since the one before; one that others build on is gone when deleted, its bytes when none needs them', async () => {
    const { disks } = subject.cloud
    const { snapshots } = await chainOf(3)
    const [first, second, third] = snapshots as [CloudRef, CloudRef, CloudRef]
    const { files } = await kept()
    const by = (ref: CloudRef) => files.find(({ name }) => name.startsWith(ref.id))
    expect(by(first)?.backing).toBeUndefined()
    expect(by(second)?.backing).toContain(first.id)
    expect(by(third)?.backing).toContain(second.id)
    // A MiB, and tables.
    expect(by(third)?.allocatedBytes).toBeLessThan(3 * mib)
    const changes = await disks.openChanges(first, third)
    const changed: number[] = []
    for await (const [offset] of readAllocated(changes)) changed.push(Math.floor(offset / mib))
    await changes.close()
    expect([...new Set(changed)]).toEqual([4, 8])

    const content = await digestOf(third)
    await disks.deleteSnapshot(second)
    await disks.deleteSnapshot(first)
    expect(await disks.snapshotState(second)).toBeUndefined()
    await expect(disks.openSnapshot(second)).rejects.toMatchObject({ code: 'not_found' })
    expect(await digestOf(third)).toBe(content)
    expect((await kept()).files).toHaveLength(3)
    await disks.deleteSnapshot(third)
    expect(await kept()).toEqual({ records: [], files: [] })
  })

  test('after the newest is deleted the next one is whole, and builds on nothing', async () => {
    const { volume, snapshots } = await chainOf(2)
    const [first, second] = snapshots as [CloudRef, CloudRef]
    await subject.cloud.disks.deleteSnapshot(second)
    const next = await take(volume)
    const { records, files } = await kept()
    expect(files.find(({ name }) => name.startsWith(next.id))?.backing).toBeUndefined()
    expect(records.find(({ id }) => id === next.id)?.body.parent).toBeUndefined()
    // Of two that do not build on each other, everything that either has is listed.
    const changes = await subject.cloud.disks.openChanges(first, next)
    const extents = await Array.fromAsync(changes.extents())
    await changes.close()
    for (const at of [0, 4 * mib])
      expect(extents.some(({ offset, length }) => offset <= at && at < offset + length)).toBe(true)
  })
})

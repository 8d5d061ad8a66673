import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { CloudRef } from '#shared/clouds/port.ts'
import { intentOf, newJob, untilReady } from '#test/shared/clouds/conformance/subject.ts'
import { makeVolume } from '#test/shared/clouds/conformance/things.ts'
import { openSubject, region } from '#test/shared/clouds/azure/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const job = newJob()

const subject = useSubject(openSubject, { job })

const snapshotOf = async (disk: CloudRef & { sizeBytes: number }) =>
  untilReady(subject.cloud, await subject.cloud.disks.createSnapshot({ ...intentOf(job), region, disk }))

test('changes are listed over several pages, each once and in order, and grants are given back', async () => {
  const { cloud, loopback } = subject
  const disk = await makeVolume(subject, job)
  const written = Array.from({ length: 700 }, (_, index) => index * 16_384)
  const write = async (offsets: number[], data: () => Buffer) => {
    for (const offset of offsets) await loopback.writeDisk(disk.id, offset, data())
  }
  await write(written.slice(0, 200), () => randomBytes(4096))
  const base = await snapshotOf(disk)
  // The first hundred are cleared, the next stay, and the others are new.
  await write(written.slice(0, 100), () => Buffer.alloc(4096))
  await write(written.slice(200), () => randomBytes(4096))
  const later = await snapshotOf(disk)

  const before = loopback.calls().length
  const source = await cloud.disks.openChanges(base, later)
  const extents = await Array.fromAsync(source.extents())
  expect(extents.map(({ offset }) => offset)).toEqual([...written.slice(0, 100), ...written.slice(200)])
  expect(new Set(extents.map(({ length }) => length))).toEqual(new Set([4096]))
  expect((await source.read({ offset: 0, length: 4096 })).equals(Buffer.alloc(4096))).toBe(true)
  await source.close()
  const calls = loopback.calls().slice(before)
  const count = (wanted: string) => calls.filter(({ operation }) => operation === wanted).length
  expect(count('PageBlob_GetPageRangesDiff')).toBeGreaterThan(2)
  expect(count('Snapshots_RevokeAccess')).toBe(2)
  await cloud.disks.deleteSnapshot(base)
  await cloud.disks.deleteSnapshot(later)
})

test('an access that ended in the middle is taken anew, of either snapshot', async () => {
  const { cloud } = subject
  const disk = await makeVolume(subject, job)
  const base = await snapshotOf(disk)
  await subject.loopback.writeDisk(disk.id, 0, randomBytes(4096))
  const later = await snapshotOf(disk)
  const source = await cloud.disks.openChanges(base, later)
  // Whoever opens a snapshot takes the access of the one before.
  await (await cloud.disks.openSnapshot(base)).close()
  await (await cloud.disks.openSnapshot(later)).close()
  expect(await Array.fromAsync(source.extents())).toEqual([{ offset: 0, length: 4096 }])
  await source.close()
})

test('snapshots of two disks, or in the wrong order, are refused before access is taken', async () => {
  const { cloud, loopback } = subject
  const [one, two] = await Promise.all([makeVolume(subject, job), makeVolume(subject, job)])
  const [a, other] = await Promise.all([snapshotOf(one), snapshotOf(two)])
  const b = await snapshotOf(one)
  const before = loopback.calls().length
  for (const [base, later] of [
    [a, other],
    [b, a],
  ] as const) {
    await expect(cloud.disks.openChanges(base, later)).rejects.toMatchObject({ code: 'invalid_request' })
  }
  expect(
    loopback
      .calls()
      .slice(before)
      .filter(({ operation }) => operation.endsWith('GrantAccess')),
  ).toEqual([])
})

import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { contentDigest, verifyDisk } from '#shared/disks/verify.ts'
import { fileJournal } from '#shared/disks/journal.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { intentOf, newJob, rootOf, runVm, untilReady } from '#test/shared/clouds/conformance/subject.ts'
import { openSubject, region } from '#test/shared/clouds/gcp/subject.ts'
import { copy } from '#test/shared/disks/copying.ts'

test('a copy that was cut off goes on where it was, and what became of it is the disk that it is of', async () => {
  const subject = await openSubject()
  const { cloud, loopback } = subject
  onTestFinished(async () => {
    cloud.close()
    await loopback.close()
  })
  const job = newJob()
  const vm = await runVm(subject, job)
  const snapshot = await cloud.disks.createSnapshot({ ...intentOf(job), region, vm, disk: rootOf(vm) })
  const source = await cloud.disks.openSnapshot(await untilReady(cloud, snapshot))
  const disk = await cloud.disks.createDisk({
    ...intentOf(job),
    region,
    name: 'copy',
    sizeBytes: source.sizeBytes,
    firmware: 'bios',
    architecture: 'x86_64',
  })
  const path = join(await temporaryDir(), 'journal')

  const cutOff = new AbortController()
  const first = copy({
    source,
    sink: await cloud.disks.openDiskForWrite(disk),
    journal: fileJournal(path),
    signal: cutOff.signal,
    slots: 1,
    onProgress: (done) => done > 0 && cutOff.abort(new Error('the worker died')),
  })
  await expect(first).rejects.toThrow('the worker died')

  const journal = fileJournal(path)
  const { manifest, bytesResumed, bytesWritten } = await copy({
    source,
    sink: await cloud.disks.openDiskForWrite(disk),
    journal,
  })
  expect(bytesResumed).toBeGreaterThan(0)
  expect(bytesWritten).toBeGreaterThan(0)
  await source.close()
  await cloud.disks.sealDisk(disk, manifest)

  const back = await cloud.disks.openDisk(disk)
  const found = await verifyDisk({ source: back, manifest, slots: 2, signal: new AbortController().signal })
  expect(found.mismatches).toEqual([])
  expect(found.digest).toBe(await contentDigest(manifest))
})

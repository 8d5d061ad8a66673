import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  intentOf,
  newJob,
  removeAll,
  rootOf,
  runVm,
  untilReady,
} from '#test/shared/clouds/conformance/subject.ts'
import { openSubject, region } from '#test/shared/clouds/azure/subject.ts'
import { subjectOfTest } from '#test/shared/clouds/use-subject.ts'

test('the ranges of a scattered disk are listed over more than three pages, without gap or repeat, and without the VHD footer', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'novacron-ranges-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  const imagePath = join(dir, 'scattered.raw')
  const islands = 3200
  const file = await open(imagePath, 'w')
  const page = Buffer.alloc(4096, 1)
  for (let island = 0; island < islands; island++) await file.write(page, 0, page.length, island * 8192)
  await file.close()

  const subject = await subjectOfTest(openSubject({ imagePath }))
  const job = newJob()
  const vm = await runVm(subject, job)
  const snapshot = await subject.cloud.disks.createSnapshot({
    ...intentOf(job),
    region,
    vm,
    disk: rootOf(vm),
  })
  const source = await subject.cloud.disks.openSnapshot(await untilReady(subject.cloud, snapshot))
  const wrong = []
  let next = 0
  for await (const extent of source.extents()) {
    if (extent.offset !== next * 8192 || extent.length !== 4096) wrong.push(extent)
    next += 1
  }
  expect(wrong).toEqual([])
  expect(next).toBe(islands)
  const pages = subject.loopback.calls().filter(({ operation }) => operation === 'PageBlob_GetPageRanges')
  expect(pages.length).toBeGreaterThan(3)
  await source.close()
  await removeAll(subject, job)
})

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { randomBytes } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { createMachineImages } from '#shared/clouds/onprem/images/copies.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import { withCallScope } from '#shared/clouds/scope.ts'
import { createTap } from '#test/clouds/onprem/tap.ts'
import { digestOfBytes, intentOf } from '#test/shared/clouds/conformance/subject.ts'
import { mib, needQemuImg } from '#test/shared/disks/image/files.ts'
import {
  digestsOf,
  endOf,
  filesOf,
  imported,
  job,
  openImageLab,
  region,
  startImport,
} from '#test/shared/clouds/onprem/images/lab.ts'

beforeEach(needQemuImg)

const content = Buffer.concat([randomBytes(mib), Buffer.alloc(mib)])

test('the same import asked for twice is one task and one image', async () => {
  const lab = await openImageLab()
  const intent = intentOf(job)
  const [one, two] = [
    await startImport(lab, content, 'raw', intent),
    await startImport(lab, content, 'raw', intent),
  ]
  expect(two).toEqual(one)
  const ends = await Promise.all([endOf(lab.cloud, one), endOf(await lab.open(), one)])
  expect(ends[1]).toEqual(ends[0])
  expect(ends[0]?.image).toEqual({ region, id: idFor('img', intent.token) })
  expect(await filesOf(lab)).toHaveLength(1)
})

test('an import whose step is cut off is finished by the next worker who asks, as one image', async () => {
  const lab = await openImageLab()
  const task = await startImport(lab, content, 'raw')
  const tap = createTap()
  const worker = await lab.open(tap.interceptorFor('first'))
  tap.inject({ operation: 'nbd write', mode: 'hold', times: 1 })
  const stop = new AbortController()
  const cut = withCallScope({ signal: stop.signal, beforeCall: () => undefined }, () => endOf(worker, task))
  await written(tap)
  stop.abort(new Error('the step is over'))
  await expect(cut).rejects.toThrow('the step is over')
  tap.clearFaults()
  expect(await lab.cloud.images.taskState(task)).toBeDefined()

  const { image } = await endOf(lab.cloud, task)
  if (!image) throw new Error('it has an image')
  const [host = ''] =
    (await lab.site.homeOf(region).records.get('image', image.id))?.copies.map((copy) => copy.host) ?? []
  expect(await digestsOf(lab, image, host)).toEqual([digestOfBytes(content)])
  expect(await filesOf(lab)).toHaveLength(1)
})

test('an import whose worker died is pending while its turn lasts, and is then taken up', async () => {
  const lab = await openImageLab()
  const task = await startImport(lab, content, 'raw')
  const { hypervisor } = lab.site.homeOf(region)
  // What a killed worker leaves: its turn, and a workspace.
  await hypervisor.records.insert('turn', task.id, { by: 'dead', untilMs: Date.now() + 500 })
  const left = join(lab.dir, 'alpha/staging', task.id)
  await mkdir(left, { recursive: true })
  await writeFile(join(left, 'in'), 'half of it')
  expect(await lab.cloud.images.taskState(task)).toEqual({ state: 'pending' })
  await delay(550)
  expect(await endOf(lab.cloud, task)).toMatchObject({ state: 'ready' })
  expect(await filesOf(lab)).toHaveLength(1)
})

test('an import that meets a passing fault is tried again, and one that does not pass is failed with it', async () => {
  const lab = await openImageLab()
  const tap = createTap()
  const worker = await lab.open(tap.interceptorFor('first'))
  const passing = await startImport(lab, content, 'raw')
  tap.inject({ operation: 'qemu-img create', mode: 'error', code: 'EIO', times: 2 })
  expect(await endOf(worker, passing)).toMatchObject({ state: 'ready' })

  const lasting = await startImport(lab, content, 'raw')
  tap.inject({ operation: 'qemu-img create', mode: 'error', code: 'ENOSPC', times: 100 })
  expect(await endOf(worker, lasting)).toMatchObject({
    state: 'failed',
    message: expect.stringContaining('Free space'),
  })
  tap.clearFaults()
  expect(await filesOf(lab)).toHaveLength(1)
})

test('a host that has no copy of an image is given one, once, however many ask', async () => {
  const lab = await openImageLab()
  const image = await imported(lab, content, 'raw')
  const images = createMachineImages(lab.site)
  const found = await images.require(region, image.id)
  const [first = ''] = found.body.copies.map(({ host }) => host)
  const other = lab.site.inRegion(region).find(({ name }) => name !== first)
  if (!other) throw new Error('there are two hosts')
  const copies = await Promise.all(
    [1, 2, 3].map(() => images.copyTo(other, { id: image.id, record: found.body })),
  )
  expect(copies[1]).toEqual(copies[0])
  expect((await images.require(region, image.id)).body.copies.map(({ host }) => host)).toEqual([
    first,
    other.name,
  ])
  expect(await digestsOf(lab, image, other.name)).toEqual([digestOfBytes(content)])
  expect(await filesOf(lab)).toHaveLength(2)
  await lab.cloud.images.delete(image)
  expect(await filesOf(lab)).toEqual([])
  await expect(images.copyTo(other, { id: image.id, record: found.body })).rejects.toMatchObject({
    code: 'not_found',
  })
})

/** Waits until a call to write has come. */
async function written(tap: ReturnType<typeof createTap>): Promise<void> {
  while (!tap.calls().some(({ operation }) => operation === 'nbd write')) await delay(5)
}

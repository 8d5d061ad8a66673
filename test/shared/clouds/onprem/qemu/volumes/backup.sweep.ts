import { expect, test } from 'vitest'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import { findProcess } from '#shared/clouds/onprem/qemu/machines/find-process.ts'
import { killProcess } from '#shared/clouds/onprem/qemu/process.ts'
import { contentOf, fill, mebibyte, openLab, qcow2, runDisk } from './lab.ts'

/** What a copy of N written bytes may cost. */
const bound = (writtenBytes: number): number => writtenBytes * 1.2 + mebibyte

for (const keyName of [undefined, 'volume/vol-1']) {
  const kind = keyName === undefined ? 'plain' : 'encrypted'

  test(`backups of a ${kind} volume at rest hold its content, and a later one costs no more than what was written`, async (context) => {
    const { volumes, leftovers } = await openLab(context)
    const [volume, first, second] = [
      qcow2('vol-1', keyName),
      qcow2('snap-1', keyName),
      qcow2('snap-2', keyName),
    ]
    await volumes.create(volume, { sizeBytes: 24 * mebibyte })
    await fill(volumes, volume, 0, 8 * mebibyte)
    const whole = await volumes.backup(volume, first, {})
    expect(whole.incremental).toBe(false)
    expect(whole.copiedBytes).toBeLessThanOrEqual(bound(8 * mebibyte))
    expect(await volumes.backup(volume, first, {})).toEqual({ incremental: false, copiedBytes: 0 })
    const then = await contentOf(volumes, volume)
    expect(await contentOf(volumes, first)).toBe(then)

    await fill(volumes, volume, 5 * mebibyte + 4096, 2 * mebibyte)
    await fill(volumes, volume, 20 * mebibyte, mebibyte)
    const progress: number[] = []
    const delta = await volumes.backup(volume, second, {
      since: first,
      onProgress: (done) => progress.push(done),
    })
    expect(delta.incremental).toBe(true)
    expect(delta.copiedBytes).toBeGreaterThanOrEqual(3 * mebibyte)
    expect(delta.copiedBytes).toBeLessThanOrEqual(bound(3 * mebibyte))
    expect(progress.at(-1)).toBe(delta.copiedBytes)
    expect((await volumes.get(second))?.backing).toBe(first.name)
    expect(await contentOf(volumes, second)).toBe(await contentOf(volumes, volume))
    expect(await contentOf(volumes, first)).toBe(then)
    expect(await leftovers()).toEqual([])
  })

  test(`backups of a ${kind} volume under a running machine are of one moment, and cost what was written`, async (context) => {
    const lab = await openLab(context)
    const { volumes } = lab
    const [volume, first, second] = [
      qcow2('vol-1', keyName),
      qcow2('snap-1', keyName),
      qcow2('snap-2', keyName),
    ]
    const { machine, write } = await runDisk(lab, volume, 24 * mebibyte)
    await write('write -P 1 0 8M')
    expect((await volumes.backup(volume, first, { machine })).incremental).toBe(false)
    await write('write -P 2 3M 2M', 'write -P 3 18M 1M', 'write -z 7M 512k')
    const delta = await volumes.backup(volume, second, { machine, since: first })
    expect(delta.incremental).toBe(true)
    expect(delta.copiedBytes).toBeGreaterThanOrEqual(3.5 * mebibyte)
    expect(delta.copiedBytes).toBeLessThanOrEqual(bound(3.5 * mebibyte))
    await lab.machines.powerOff(machine)
    expect(await contentOf(volumes, second)).toBe(await contentOf(volumes, volume))
    expect(await contentOf(volumes, first)).not.toBe(await contentOf(volumes, volume))
  })
}

test('marks survive a shutdown of their machine, and a backup goes on from them wherever the volume is open', async (context) => {
  const lab = await openLab(context)
  const { volumes, machines } = lab
  const [volume, first, second, third] = ['vol-1', 'snap-1', 'snap-2', 'snap-3'].map((name) =>
    qcow2(name),
  ) as [VolumeRef, VolumeRef, VolumeRef, VolumeRef]
  const { machine, write } = await runDisk(lab, volume, 24 * mebibyte)
  await write('write -P 1 0 4M')
  await volumes.backup(volume, first, { machine })
  await write('write -P 2 20M 1M')
  await machines.powerOff(machine)
  const atRest = await volumes.backup(volume, second, { since: first })
  expect(atRest).toMatchObject({ incremental: true })
  expect(atRest.copiedBytes).toBe(mebibyte)
  await machines.start(machine)
  await write('write -P 3 22M 1M')
  const running = await volumes.backup(volume, third, { machine, since: second })
  expect(running).toMatchObject({ incremental: true })
  expect(running.copiedBytes).toBe(mebibyte)
  await machines.powerOff(machine)
  expect(await contentOf(volumes, third)).toBe(await contentOf(volumes, volume))
})

test('a mark that was lost with a killed QEMU makes the next backup a full one, and right', async (context) => {
  const lab = await openLab(context)
  const { volumes, host } = lab
  const [volume, first, second, third] = [qcow2('vol-1'), qcow2('snap-1'), qcow2('snap-2'), qcow2('snap-3')]
  const { machine, write } = await runDisk(lab, volume, 24 * mebibyte)
  await write('write -P 1 0 4M')
  await volumes.backup(volume, first, { machine })
  await write('write -P 2 20M 1M', 'flush')
  const { process } = await findProcess(host.layout.machine(machine), machine)
  if (!process) throw new Error('the machine runs')
  await killProcess(process)

  const whole = await volumes.backup(volume, second, { since: first })
  expect(whole).toMatchObject({ incremental: false })
  expect((await volumes.get(second))?.backing).toBeUndefined()
  expect(await contentOf(volumes, second)).toBe(await contentOf(volumes, volume))
  // What was worth nothing is gone, and marks work again.
  await fill(volumes, volume, 22 * mebibyte, mebibyte)
  expect(await volumes.backup(volume, third, { since: second })).toMatchObject({ incremental: true })
  expect(await contentOf(volumes, third)).toBe(await contentOf(volumes, volume))
})

test('a mark that was forgotten is tracked no more, at rest and under a running machine', async (context) => {
  const lab = await openLab(context)
  const { volumes, machines } = lab
  const [volume, first, second, third] = [qcow2('vol-1'), qcow2('snap-1'), qcow2('snap-2'), qcow2('snap-3')]
  const { machine, write } = await runDisk(lab, volume, 16 * mebibyte)
  await write('write -P 1 0 1M')
  await volumes.backup(volume, first, { machine })
  await volumes.forgetMark(volume, first.name, machine)
  await volumes.forgetMark(volume, first.name, machine)
  expect(await volumes.backup(volume, second, { machine, since: first })).toMatchObject({
    incremental: false,
  })
  await machines.powerOff(machine)
  await volumes.forgetMark(volume, second.name)
  await volumes.forgetMark(volume, second.name)
  expect(await volumes.backup(volume, third, { since: second })).toMatchObject({ incremental: false })
})

test('a volume grows under its running machine, and backups go on from their marks', async (context) => {
  const lab = await openLab(context)
  const { volumes, machines } = lab
  const [volume, first, second] = [qcow2('vol-1', 'k'), qcow2('snap-1', 'k'), qcow2('snap-2', 'k')]
  const { machine, write } = await runDisk(lab, volume, 16 * mebibyte)
  await write('write -P 1 0 1M')
  await volumes.backup(volume, first, { machine })
  await volumes.resize(volume, 32 * mebibyte, machine)
  await write('write -P 2 24M 1M')
  expect(await volumes.backup(volume, second, { machine, since: first })).toMatchObject({ incremental: true })
  expect(await volumes.get(second)).toMatchObject({ sizeBytes: 32 * mebibyte })
  await machines.powerOff(machine)
  expect(await contentOf(volumes, second)).toBe(await contentOf(volumes, volume))
})

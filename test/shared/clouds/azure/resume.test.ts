import { describe, expect, test } from 'vitest'
import { runningClock } from '#test/clouds/core/clock.ts'
import { openAzure } from '#shared/clouds/azure/azure.ts'
import { nameFor } from '#shared/clouds/azure/names.ts'
import type { CreateVm } from '#shared/clouds/port.ts'
import { withCallScope } from '#shared/clouds/scope.ts'
import {
  digest,
  intentOf,
  manifestOf,
  newJob,
  removeAll,
  residueOf,
  until,
  untilGone,
  untilState,
  writeChunks,
} from '#test/shared/clouds/conformance/subject.ts'
import { openSubject, region, settingsFor } from '#test/shared/clouds/azure/subject.ts'
import { subjectOfTest, useSubject } from '#test/shared/clouds/use-subject.ts'

const subject = useSubject(openSubject)

const mebibyte = 2 ** 20
const hourMs = 3_600_000
const request = (job: string): CreateVm => ({
  ...intentOf(job),
  region,
  name: 'web-1',
  instanceType: 'Standard_B2s',
  boot: { image: undefined },
})
const newDisk = (job: string, sizeBytes = 20 * mebibyte) =>
  subject.cloud.disks.createDisk({
    ...intentOf(job),
    region,
    name: 'd',
    sizeBytes,
    firmware: 'bios',
    architecture: 'x86_64',
  })

describe('a VM whose making was cut short', () => {
  test('between interface and VM is finished by the next call, with the same interface', async () => {
    const job = newJob()
    const wanted = request(job)
    subject.loopback.inject({
      operation: 'VirtualMachines_CreateOrUpdate',
      mode: 'error',
      code: 'InternalServerError',
      status: 500,
      times: 9,
    })
    await expect(subject.cloud.compute.create(wanted)).rejects.toMatchObject({ code: 'unavailable' })
    subject.loopback.clearFaults()
    expect(residueOf(subject.loopback, job).map(({ kind }) => kind)).toEqual(['nic'])
    await untilState(subject.cloud, await subject.cloud.compute.create(wanted), 'running')
    expect(
      residueOf(subject.loopback, job)
        .map(({ kind }) => kind)
        .toSorted(),
    ).toEqual(['disk', 'nic', 'vm'])
    await removeAll(subject, job)
  })

  test('is taken up by another worker that knows only the token', async () => {
    const job = newJob()
    const wanted = request(job)
    const first = await subject.cloud.compute.create(wanted)
    const other = await openAzure(settingsFor(subject.loopback, { workerId: 'other' }))
    expect((await other.compute.create({ ...wanted, name: 'renamed' })).id).toBe(first.id)
    other.close()
    await removeAll(subject, job)
  })

  test('for want of room after Azure had accepted it says so, and a later call tries again', async () => {
    const instant = await subjectOfTest(openSubject({ delaysMs: { vmCreate: 0 } }))
    const wanted = request(newJob())
    const fail = (code: string) =>
      instant.loopback.inject({ operation: 'VirtualMachines_Allocate', mode: 'error', code })
    fail('ZonalAllocationFailed')
    await expect(instant.cloud.compute.create(wanted)).rejects.toMatchObject({
      code: 'capacity',
      scope: 'zone',
      vendorCode: 'ZonalAllocationFailed',
    })
    fail('AllocationFailed')
    await expect(instant.cloud.compute.create(wanted)).rejects.toMatchObject({
      code: 'capacity',
      scope: 'type',
    })
    expect((await instant.cloud.compute.create(wanted)).state).toBe('running')
  })
})

describe('an upload that was cut short', () => {
  test('is taken over from a worker whose access is still out', async () => {
    const job = newJob()
    const disk = await newDisk(job)
    const dead = await subject.cloud.disks.openDiskForWrite(disk)
    const data = Buffer.alloc(4096, 3)
    await dead.write({ offset: 0, data, sha256: digest(data) })
    const heir = await subject.cloud.disks.openDiskForWrite(disk)
    const more = Buffer.alloc(4096, 4)
    await heir.write({ offset: 4096, data: more, sha256: digest(more) })
    await subject.cloud.disks.sealDisk(disk, manifestOf(heir, new Map()))
    const source = await subject.cloud.disks.openDisk(disk)
    expect((await source.read({ offset: 0, length: 8192 })).equals(Buffer.concat([data, more]))).toBe(true)
    await source.close()
    await removeAll(subject, job)
  })

  test.for(['PageBlob_UploadPages', 'Disks_RevokeAccess'])(
    'in sealing, at %s, is sealed by the next call',
    async (operation) => {
      const job = newJob()
      const disk = await newDisk(job)
      const sink = await subject.cloud.disks.openDiskForWrite(disk)
      const manifest = await writeChunks(sink, new Map([[0, Buffer.alloc(4096, 5)]]))
      subject.loopback.inject({ operation, mode: 'drop_reply', times: 3 })
      await subject.cloud.disks.sealDisk(disk, manifest).catch(() => {})
      subject.loopback.clearFaults()
      await subject.cloud.disks.sealDisk(disk, manifest)
      expect(residueOf(subject.loopback, job)[0]?.state).toBe('Unattached')
      await removeAll(subject, job)
    },
  )

  test('is not sealed as something else than was copied', async () => {
    const job = newJob()
    const disk = await newDisk(job)
    const sink = await subject.cloud.disks.openDiskForWrite(disk)
    const manifest = { ...manifestOf(sink, new Map()), sizeBytes: 21 * mebibyte }
    await expect(subject.cloud.disks.sealDisk(disk, manifest)).rejects.toMatchObject({ code: 'integrity' })
    await removeAll(subject, job)
  })

  test('whose access ended in mid-copy goes on with a new one', async () => {
    const job = newJob()
    const disk = await newDisk(job)
    const sink = await subject.cloud.disks.openDiskForWrite(disk)
    await subject.cloud.disks.openDiskForWrite(disk) // takes the first one's access away
    const chunks = new Map([
      [0, Buffer.alloc(4096, 6)],
      [8192, Buffer.alloc(4096, 7)],
    ])
    await subject.cloud.disks.sealDisk(disk, await writeChunks(sink, chunks))
    await removeAll(subject, job)
  })
})

test('what is being deleted is not given out as made: the call is refused until it is gone, then makes it anew', async () => {
  const clock = runningClock()
  const delaysMs = { disk: hourMs, vmCreate: 0, vmDelete: hourMs, network: 0 }
  const slow = await subjectOfTest(openSubject({ clock, delaysMs }))
  /** Lets hours pass until it is done. */
  const inTime = async <T>(work: Promise<T>): Promise<T> => {
    const passing = setInterval(() => clock.advance(hourMs), 10)
    return work.finally(() => clearInterval(passing))
  }
  const [disk, vm] = [
    {
      ...intentOf(newJob()),
      region,
      name: 'd',
      sizeBytes: 20 * mebibyte,
      firmware: 'bios',
      architecture: 'x86_64',
    } as const,
    request(newJob()),
  ]
  const deleting = slow.cloud.disks.deleteDisk(await inTime(slow.cloud.disks.createDisk(disk)))
  const made = await slow.cloud.compute.create(vm)
  await slow.cloud.compute.delete(made)
  const busy = { code: 'conflict', retryable: true }
  await expect(slow.cloud.compute.create(vm)).rejects.toMatchObject(busy)
  await inTime(untilGone(slow.cloud, made))
  expect((await inTime(slow.cloud.compute.create(vm))).id).toBe(made.id)
  await deleting
  await inTime(slow.cloud.disks.createDisk(disk))
  const again = slow.cloud.disks.deleteDisk({ region, id: nameFor(disk.token) })
  await until('the disk to be on its way', () =>
    Promise.resolve(
      slow.loopback.calls().filter((call) => call.operation === 'Disks_Delete' && call.status).length === 2,
    ),
  )
  await expect(slow.cloud.disks.createDisk(disk)).rejects.toMatchObject(busy)
  await inTime(again)
})

describe('a disk', () => {
  test('of no whole MiB keeps its size for those who write and read it', async () => {
    const job = newJob()
    const sizeBytes = 20 * mebibyte + 1000
    const disk = await newDisk(job, sizeBytes)
    const sink = await subject.cloud.disks.openDiskForWrite(disk)
    expect(sink.sizeBytes).toBe(sizeBytes)
    const tail = Buffer.alloc(1000, 9)
    await sink.write({ offset: 20 * mebibyte, data: tail, sha256: digest(tail) })
    await subject.cloud.disks.sealDisk(disk, manifestOf(sink, new Map()))
    const source = await subject.cloud.disks.openDisk(disk)
    expect(source.sizeBytes).toBe(sizeBytes)
    const extents = []
    for await (const extent of source.extents()) extents.push(extent)
    expect(extents).toEqual([{ offset: 20 * mebibyte, length: 1000 }])
    expect((await source.read({ offset: 20 * mebibyte, length: 1000 })).equals(tail)).toBe(true)
    await source.close()
    await removeAll(subject, job)
  })

  test('that a dead worker left open for reading can still become a VM, and be deleted', async () => {
    const job = newJob()
    const [boot, spare] = [await newDisk(job), await newDisk(job)]
    for (const disk of [boot, spare]) {
      const sink = await subject.cloud.disks.openDiskForWrite(disk)
      await subject.cloud.disks.sealDisk(disk, manifestOf(sink, new Map()))
      await subject.cloud.disks.openDisk(disk)
    }
    const vm = await subject.cloud.compute.create({
      ...request(job),
      boot: { disks: [boot], firmware: 'bios', architecture: 'x86_64' },
    })
    expect((await untilState(subject.cloud, vm, 'running')).firmware).toBe('bios')
    await subject.cloud.disks.deleteDisk(spare)
    await removeAll(subject, job)
  })

  test('made for one firmware is not booted by the other', async () => {
    const job = newJob()
    const disk = await newDisk(job)
    const sink = await subject.cloud.disks.openDiskForWrite(disk)
    await subject.cloud.disks.sealDisk(disk, manifestOf(sink, new Map()))
    const boot = { disks: [disk], firmware: 'uefi' as const, architecture: 'x86_64' as const }
    await expect(subject.cloud.compute.create({ ...request(job), boot })).rejects.toMatchObject({
      code: 'invalid_request',
    })
    await removeAll(subject, job)
  })
})

test("one step's lost lease never fails another step's sign-in", async () => {
  const cloud = await openAzure(settingsFor(subject.loopback))
  const lost = new Error('lost')
  let held = true
  const losing = withCallScope(
    {
      signal: new AbortController().signal,
      beforeCall: () => {
        if (!held) throw lost
      },
    },
    () => cloud.identity.validate(),
  )
  held = false
  const holding = cloud.identity.validate()
  await expect(losing).rejects.toBe(lost)
  await expect(holding).resolves.toMatchObject({ accountId: expect.any(String) as unknown })
  cloud.close()
})

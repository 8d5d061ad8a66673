import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { CloudVm } from '#shared/clouds/port.ts'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { readGuestConsole } from '#test/clouds/guest/console.ts'
import { buildGuestDisk } from '#test/clouds/guest/disk.ts'
import {
  digest,
  intentOf,
  manifestOf,
  newJob,
  readAllocated,
  rootOf,
  runVm,
  until,
  untilReady,
  untilState,
} from '#test/shared/clouds/conformance/subject.ts'
import { openSubject, region, type AzureSubject } from '#test/shared/clouds/azure/subject.ts'

const hypervisor = await findHypervisor()

test.skipIf('reason' in hypervisor)(
  'a guest boots, keeps its disk over a stop, and boots again where its disk was copied to',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'novacron-guest-'))
    onTestFinished(() => rm(dir, { recursive: true, force: true }))
    const { path, unique } = await buildGuestDisk({
      path: join(dir, 'guest.raw'),
      sizeBytes: 48 * 2 ** 20,
      unique: 'azure-boot',
    })
    const subject = await openSubject({ imagePath: path, boot: true })
    onTestFinished(async () => {
      subject.cloud.close()
      await subject.loopback.close()
    })
    const { cloud } = subject
    const job = newJob()

    const vm = await runVm(subject, job)
    expect(await bootOf(subject, vm)).toEqual({ unique, boots: 1, ready: true })
    await cloud.compute.stop(vm)
    const stopped = await untilState(cloud, vm, 'stopped')

    const snapshot = await cloud.disks.createSnapshot({ ...intentOf(job), region, vm, disk: rootOf(stopped) })
    const source = await cloud.disks.openSnapshot(await untilReady(cloud, snapshot))
    const disk = await cloud.disks.createDisk({
      ...intentOf(job),
      region,
      name: 'copy',
      sizeBytes: source.sizeBytes,
      firmware: 'bios',
      architecture: 'x86_64',
    })
    const sink = await cloud.disks.openDiskForWrite(disk)
    for await (const [offset, data] of readAllocated(source))
      await sink.write({ offset, data, sha256: digest(data) })
    await source.close()
    await cloud.disks.sealDisk(disk, manifestOf(sink, new Map()))

    const moved = await cloud.compute.create({
      ...intentOf(job),
      region,
      name: 'moved',
      instanceType: 'Standard_B2s',
      boot: { disks: [disk], firmware: 'bios', architecture: 'x86_64' },
    })
    expect(await bootOf(subject, moved)).toEqual({ unique, boots: 2, ready: true })
  },
)

const bootOf = ({ cloud }: AzureSubject, vm: CloudVm) =>
  until('the guest to be ready', async () => {
    const boot = readGuestConsole((await cloud.compute.consoleOutput(vm)) ?? '')
    return boot?.ready ? boot : undefined
  })

import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { CloudVm } from '#shared/clouds/port.ts'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { readGuestConsole } from '#test/clouds/guest/console.ts'
import { buildGuestDisk } from '#test/clouds/guest/disk.ts'
import {
  intentOf,
  newJob,
  rootOf,
  runVm,
  until,
  untilReady,
  untilState,
  writeChunks,
} from '#test/shared/clouds/conformance/subject.ts'
import { openSubject, region, type GcpSubject } from '#test/shared/clouds/gcp/subject.ts'

const hypervisor = await findHypervisor()

test.skipIf('reason' in hypervisor)(
  'a guest boots, keeps its disk over a stop, and boots again from the image that its disk was copied to',
  { timeout: 60_000 },
  async () => {
    const { path, unique } = await buildGuestDisk({
      path: join(await temporaryDir(), 'guest.raw'),
      sizeBytes: 48 * 2 ** 20,
      unique: 'gcp-boot',
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
    const length = sink.preferredChunkBytes
    const chunks = new Map<number, Buffer>()
    for await (const extent of source.extents())
      for (
        let at = extent.offset - (extent.offset % length);
        at < extent.offset + extent.length;
        at += length
      )
        if (!chunks.has(at)) chunks.set(at, await source.read({ offset: at, length }))
    await source.close()
    await cloud.disks.sealDisk(disk, await writeChunks(sink, chunks))

    const moved = await cloud.compute.create({
      ...intentOf(job),
      region,
      name: 'moved',
      instanceType: subject.dialect.instanceType,
      boot: { disks: [disk], firmware: 'bios', architecture: 'x86_64' },
    })
    expect(await bootOf(subject, moved)).toEqual({ unique, boots: 2, ready: true })
  },
)

const bootOf = ({ cloud }: GcpSubject, vm: CloudVm) =>
  until('the guest to be ready', async () => {
    const boot = readGuestConsole((await cloud.compute.consoleOutput(vm)) ?? '')
    return boot?.ready ? boot : undefined
  })

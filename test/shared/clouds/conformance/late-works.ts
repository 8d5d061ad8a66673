import { randomBytes } from 'node:crypto'
import type { Operation } from '#shared/clouds/operations.ts'
import type { Intent } from '#shared/clouds/port.ts'
import { creators } from '#test/shared/clouds/conformance/creators.ts'
import {
  rootOf,
  runVm,
  untilReady,
  untilState,
  writeChunks,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'
import { makeBucket, untilVolume, vmRequest, zoneOf } from '#test/shared/clouds/conformance/things.ts'

/** Something that a job does, of which nothing may be left when the job is taken back. */
export interface Work {
  /** For titles. */
  what: string
  operations: readonly Operation[]
  /**
   * Makes what it needs, owned by `job`, and gives the work itself. It is done as the job of `intent`; `more` gives further intents of that job.
   */
  prepare(subject: Subject, job: string): Promise<(intent: Intent, more: () => Intent) => Promise<unknown>>
}

/** Each creating call, followed to its end. */
const creations: readonly Work[] = creators
  // What an export leaves lies in a bucket of the user's: its chain takes that back.
  .filter(({ operation }) => operation !== 'images.exportFile')
  .map(({ what, operation, prepare, finish }) => ({
    what,
    operations: [operation],
    async prepare(subject, job) {
      const make = await prepare(subject, job)
      return async (intent) => {
        const made = await make(intent)
        await finish?.(subject, made)
      }
    },
  }))

/** What passes through other things on its way. */
const journeys: readonly Work[] = [
  {
    what: 'disk that is written, sealed, proved and made a VM of',
    operations: ['disks.createDisk', 'disks.write', 'disks.sealDisk', 'disks.openDisk', 'compute.create'],
    prepare: async (subject) => async (intent, more) => {
      const { cloud, region } = subject
      const disk = await cloud.disks.createDisk({
        ...intent,
        region,
        ...zoneOf(subject.dialect),
        name: 'late',
        sizeBytes: 2 ** 30,
        firmware: 'bios',
        architecture: 'x86_64',
      })
      const sink = await cloud.disks.openDiskForWrite(disk)
      const chunks = new Map([[0, randomBytes(sink.preferredChunkBytes)]])
      const manifest = await writeChunks(sink, chunks)
      await sink.close()
      await cloud.disks.sealDisk(disk, manifest)
      const source = await cloud.disks.openDisk(disk)
      await source.read({ offset: 0, length: source.granularityBytes })
      await source.close()
      const request = {
        ...vmRequest(subject, ''),
        ...more(),
        boot: { disks: [disk], firmware: 'bios' as const, architecture: 'x86_64' as const },
      }
      await untilState(cloud, await cloud.compute.create(request), 'running')
      // What the disk passed through has served now.
      await cloud.compute.create(request)
    },
  },
  {
    what: 'snapshot that is read',
    operations: ['disks.createSnapshot', 'disks.openSnapshot'],
    async prepare(subject, job) {
      const { cloud, region } = subject
      const vm = await runVm(subject, job)
      return async (intent) => {
        const request = { ...intent, region, vm, disk: rootOf(vm) }
        const snapshot = await untilReady(cloud, await cloud.disks.createSnapshot(request))
        const source = await cloud.disks.openSnapshot(snapshot)
        await source.read({ offset: 0, length: source.granularityBytes })
        await source.close()
      }
    },
  },
  {
    what: 'VM with a volume and an address, stopped, started and deleted',
    operations: [
      'compute.create',
      'storage.volumes.create',
      'storage.volumes.attach',
      'networks.addresses.create',
      'networks.addresses.associate',
      'compute.stop',
      'compute.start',
      'compute.delete',
    ],
    prepare: async (subject) => async (intent, more) => {
      const { cloud, region } = subject
      const { volumes } = cloud.storage
      const { addresses } = cloud.networks
      const made = await cloud.compute.create({ ...vmRequest(subject, ''), ...intent })
      const vm = await untilState(cloud, made, 'running')
      const volume = await volumes.create({
        ...more(),
        region,
        ...zoneOf(vm),
        name: 'data',
        sizeGib: 1,
        type: 'ssd',
      })
      await untilVolume(subject, volume, 'available')
      await volumes.attach(volume, vm)
      const address = await addresses.create({ ...more(), region, name: 'late' })
      await addresses.associate(address, vm)
      await cloud.compute.stop(vm)
      await untilState(cloud, vm, 'stopped')
      await cloud.compute.start(vm)
      await untilState(cloud, vm, 'running')
      await cloud.compute.delete(vm)
    },
  },
  {
    what: 'network with a subnet',
    operations: ['networks.create', 'networks.subnets.create'],
    prepare:
      async ({ cloud, region }) =>
      async (intent, more) => {
        const network = await cloud.networks.create({ ...intent, region, name: 'late', cidr: '10.40.0.0/16' })
        await cloud.networks.subnets.create({ ...more(), network, name: 'late', cidr: '10.40.1.0/24' })
      },
  },
  {
    what: 'bucket with objects',
    operations: ['storage.buckets.create', 'storage.objects.write', 'storage.objects.delete'],
    prepare: async (subject) => async (intent) => {
      const { objects } = subject.cloud.storage
      const bucket = await makeBucket(subject, intent)
      for (const data of [Buffer.alloc(1000, 1), Buffer.alloc(9 * 2 ** 20, 1)])
        await objects.write(bucket, { key: 'some/object', sizeBytes: data.length, body: bodyOf(data) })
      await objects.delete(bucket, 'some/object')
    },
  },
]

export const lateWorks: readonly Work[] = [...creations, ...journeys]

/** Of several calls, any of which may come when the others have been taken back; and quick. */
export const everydayWorks: readonly Work[] = creations.filter(({ what }) => what === 'security group')

async function* bodyOf(data: Buffer): AsyncGenerator<Buffer> {
  yield data
}

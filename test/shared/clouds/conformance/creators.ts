import type { Operation } from '#shared/clouds/operations.ts'
import type { CloudRef, Intent } from '#shared/clouds/port.ts'
import { exportFormat, plainFormat, putImageFile } from '#test/shared/clouds/conformance/image-files.ts'
import {
  intentOf,
  rootOf,
  runVm,
  untilReady,
  untilState,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'
import {
  imageOfTask,
  makeBucket,
  untilImage,
  untilTaskEnds,
  untilVolume,
  vmRequest,
  zoneOf,
} from '#test/shared/clouds/conformance/things.ts'

/** One creating call of the port. */
export interface Creator {
  /** What it makes, for titles. */
  what: string
  operation: Operation
  /** Makes what it needs, owned by `job`, and gives the call itself. */
  prepare(subject: Subject, job: string): Promise<(intent: Intent) => Promise<CloudRef>>
  /** Waits until what was begun is finished, so that nothing more comes of it. */
  finish?(subject: Subject, made: CloudRef): Promise<unknown>
}

/** Every creating call. */
export const creators: readonly Creator[] = [
  {
    what: 'VM',
    operation: 'compute.create',
    prepare: async (subject) => (intent) =>
      subject.cloud.compute.create({ ...vmRequest(subject, ''), ...intent, name: 'once' }),
    finish: ({ cloud }, vm) => untilState(cloud, vm, 'running'),
  },
  {
    what: 'disk',
    operation: 'disks.createDisk',
    prepare:
      async ({ cloud, region }) =>
      (intent) =>
        cloud.disks.createDisk({
          ...intent,
          region,
          name: 'once',
          sizeBytes: 2 ** 30,
          firmware: 'bios',
          architecture: 'x86_64',
        }),
  },
  {
    what: 'snapshot',
    operation: 'disks.createSnapshot',
    async prepare(subject, job) {
      const vm = await runVm(subject, job)
      const { cloud, region } = subject
      return (intent) => cloud.disks.createSnapshot({ ...intent, region, vm, disk: rootOf(vm) })
    },
    finish: ({ cloud }, snapshot) => untilReady(cloud, snapshot),
  },
  {
    what: 'image of a VM',
    operation: 'images.createFromVm',
    async prepare(subject, job) {
      const { cloud } = subject
      const vm = await runVm(subject, job)
      await cloud.compute.stop(vm)
      const { disks } = await untilState(cloud, vm, 'stopped')
      return (intent) => cloud.images.createFromVm({ ...intent, vm, disks, name: 'once' })
    },
    finish: untilImage,
  },
  {
    what: 'imported image',
    operation: 'images.importFile',
    async prepare(subject, job) {
      const { cloud } = subject
      const format = plainFormat(cloud.images.formats.import)
      const source = await putImageFile(subject, await makeBucket(subject, intentOf(job)), format)
      const wishes = { source, format, name: 'once', architecture: 'x86_64', firmware: 'bios' } as const
      return (intent) => cloud.images.importFile({ ...intent, ...wishes })
    },
    finish: imageOfTask,
  },
  {
    what: 'exported file',
    operation: 'images.exportFile',
    async prepare(subject, job) {
      const { cloud, region } = subject
      const bucket = await makeBucket(subject, intentOf(job))
      const format = plainFormat(cloud.images.formats.import)
      const source = await putImageFile(subject, bucket, format)
      const wishes = { source, format, name: 'exported', architecture: 'x86_64', firmware: 'bios' } as const
      const image = await imageOfTask(subject, await cloud.images.importFile({ ...intentOf(job), ...wishes }))
      const exported = { image, format: exportFormat(cloud.images.formats.export) }
      return (intent) =>
        cloud.images.exportFile({
          ...intent,
          ...exported,
          target: { region, bucket: bucket.id, key: `exports/${intent.token}` },
        })
    },
    finish: untilTaskEnds,
  },
  {
    what: 'network',
    operation: 'networks.create',
    prepare:
      async ({ cloud, region }) =>
      (intent) =>
        cloud.networks.create({ ...intent, region, name: 'once', cidr: '10.30.0.0/16' }),
  },
  {
    what: 'subnet',
    operation: 'networks.subnets.create',
    async prepare({ cloud, region }, job) {
      const wishes = { region, name: 'around', cidr: '10.31.0.0/16' }
      const network = await cloud.networks.create({ ...intentOf(job), ...wishes })
      return (intent) =>
        cloud.networks.subnets.create({ ...intent, network, name: 'once', cidr: '10.31.1.0/24' })
    },
  },
  {
    what: 'security group',
    operation: 'networks.securityGroups.create',
    prepare:
      async ({ cloud, region }) =>
      (intent) =>
        cloud.networks.securityGroups.create({
          ...intent,
          region,
          name: 'once',
          description: 'once',
          rules: [
            { direction: 'ingress', protocol: 'tcp', fromPort: 22, toPort: 22, cidrs: ['10.0.0.0/8'] },
            { direction: 'egress', protocol: 'tcp', fromPort: 443, toPort: 443, cidrs: ['0.0.0.0/0'] },
          ],
        }),
  },
  {
    what: 'address',
    operation: 'networks.addresses.create',
    prepare:
      async ({ cloud, region }) =>
      (intent) =>
        cloud.networks.addresses.create({ ...intent, region, name: 'once' }),
  },
  {
    what: 'volume',
    operation: 'storage.volumes.create',
    prepare:
      async ({ cloud, region, dialect }) =>
      (intent) =>
        cloud.storage.volumes.create({
          ...intent,
          region,
          ...zoneOf(dialect),
          name: 'once',
          sizeGib: 10,
          type: 'ssd',
        }),
    finish: (subject, volume) => untilVolume(subject, volume, 'available'),
  },
  {
    what: 'bucket',
    operation: 'storage.buckets.create',
    prepare:
      async ({ cloud, region }) =>
      (intent) =>
        cloud.storage.buckets.create({
          ...intent,
          region,
          name: `nc-${intent.token}`,
          versioning: true,
          lifecycle: [{ id: 'old', prefix: '', expireAfterDays: 30 }],
        }),
  },
]

import type { CloudRef } from '#shared/clouds/port.ts'
import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

const region = 'eu-west-1'
const api = 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference'
const direct = 'https://docs.aws.amazon.com/ebs/latest/APIReference'
const gibibyte = 2 ** 30
const blockBytes = 524_288
const volume: CloudRef = { region, id: 'vol-1234567890abcdef0' }
const intent = {
  token: '5f0c7d7e-6c0b-4a51-9f39-3d8a0f2b7f12',
  tags: { 'novacron-tenant': 'acme', 'novacron-job': 'job_1', 'novacron-step': 'create' },
}

/** Responses of EC2 about volumes and snapshots, and of the EBS direct APIs. */
export const diskCases: RecordedCase[] = [
  {
    title: 'snapshots: one complete, one of no volume that failed; an empty token is the end',
    source: `${api}/API_DescribeSnapshots.html#API_DescribeSnapshots_Examples`,
    replies: ['describe-snapshots-list.xml'],
    call: (cloud) => Array.fromAsync(cloud.disks.listSnapshots({ region })),
    gives: [
      {
        region,
        id: 'snap-1234567890abcdef0',
        name: 'This is my snapshot.',
        state: 'ready',
        sizeBytes: 8 * gibibyte,
        disk: 'vol-049df61146c4d7901',
        encrypted: false,
        tags: {},
        createdAt: new Date('2014-02-28T21:28:32Z'),
      },
      {
        region,
        id: 'snap-0fedcba9876543210',
        name: 'snap-0fedcba9876543210',
        state: 'failed',
        sizeBytes: 100 * gibibyte,
        encrypted: true,
        tags: {},
        createdAt: new Date('2021-06-02T10:00:00Z'),
      },
    ],
  },
  {
    title: 'an attached magnetic volume',
    source: `${api}/API_DescribeVolumes.html#API_DescribeVolumes_Examples`,
    replies: ['describe-volumes.xml'],
    call: (cloud) => cloud.storage.volumes.get(volume),
    gives: {
      ...volume,
      name: 'vol-1234567890abcdef0',
      zone: 'us-east-1a',
      sizeBytes: 80 * gibibyte,
      state: 'in_use',
      type: 'standard',
      vendorType: 'standard',
      encrypted: true,
      vm: 'i-1234567890abcdef0',
      device: '/dev/sdh',
      tags: {},
      createdAt: new Date('2016-09-17T00:55:03Z'),
    },
  },
  {
    title: 'a volume that is created',
    source: `${api}/API_CreateVolume.html#API_CreateVolume_Examples`,
    replies: ['create-volume.xml', 'describe-volumes.xml'],
    call: (cloud) =>
      cloud.storage.volumes.create({
        ...intent,
        region,
        zone: 'eu-west-1a',
        name: 'data',
        sizeGib: 500,
        type: 'premium',
        snapshot: { region, id: 'snap-066877671789bd71b' },
      }),
    gives: volume,
  },
  {
    title: 'a volume that begins to grow',
    source: `${api}/API_ModifyVolume.html#API_ModifyVolume_Examples`,
    replies: ['describe-volumes.xml', 'modify-volume.xml'],
    call: (cloud) => cloud.storage.volumes.resize(volume, 200),
    gives: undefined,
  },
  {
    title: 'a volume that grows to the size asked for already',
    source: `${api}/API_DescribeVolumesModifications.html#API_DescribeVolumesModifications_Examples`,
    replies: ['describe-volumes.xml', 'error-modification-state.http', 'describe-volumes-modifications.xml'],
    call: (cloud) => cloud.storage.volumes.resize(volume, 200),
    gives: undefined,
  },
  {
    title: 'allocated blocks, neighbours as one extent',
    source: `${direct}/API_ListSnapshotBlocks.html#API_ListSnapshotBlocks_Examples`,
    replies: ['list-snapshot-blocks.json'],
    async call(cloud) {
      const source = await cloud.disks.openSnapshot({ region, id: 'snap-0acEXAMPLEcf41648' })
      return { sizeBytes: source.sizeBytes, extents: await Array.fromAsync(source.extents()) }
    },
    gives: {
      sizeBytes: 100 * gibibyte,
      extents: [
        { offset: 1001 * blockBytes, length: 2 * blockBytes },
        { offset: 1007 * blockBytes, length: blockBytes },
      ],
    },
  },
  {
    title: 'changed blocks, one of them freed, which reads as zero without being asked for',
    source: `${direct}/API_ListChangedBlocks.html#API_ListChangedBlocks_Examples`,
    replies: ['list-changed-blocks.json'],
    async call(cloud) {
      const [base, ref] = ['snap-0acEXAMPLEcf41648', 'snap-0c9EXAMPLE1b30e2f'].map((id) => ({ region, id }))
      if (!base || !ref) return undefined
      const source = await cloud.disks.openChanges(base, ref)
      const freed = await source.read({ offset: 6001 * blockBytes, length: blockBytes })
      return {
        extents: await Array.fromAsync(source.extents()),
        freedIsZero: freed.every((byte) => byte === 0),
      }
    },
    gives: {
      extents: [
        { offset: 0, length: blockBytes },
        { offset: 6000 * blockBytes, length: 2 * blockBytes },
      ],
      freedIsZero: true,
    },
  },
  {
    title: 'snapshots that have nothing to do with each other',
    source: `${direct}/API_ListChangedBlocks.html#API_ListChangedBlocks_Errors`,
    replies: ['error-unrelated-snapshots.http'],
    call: (cloud) =>
      cloud.disks.openChanges(
        { region, id: 'snap-0acEXAMPLEcf41648' },
        { region, id: 'snap-0c9EXAMPLE1b30e2f' },
      ),
    throws: { code: 'invalid_request', vendorCode: 'ValidationException' },
  },
  {
    title: 'a snapshot that is started on a parent',
    source: `${direct}/API_StartSnapshot.html#API_StartSnapshot_Examples`,
    replies: ['start-snapshot.json', 'describe-snapshots.xml'],
    call: (cloud) =>
      cloud.disks.createDisk({
        ...intent,
        region,
        name: 'delta',
        sizeBytes: 8 * gibibyte,
        firmware: 'bios',
        architecture: 'x86_64',
        parent: { region, id: 'snap-123EXAMPLE1234567' },
      }),
    gives: { region, id: 'snap-0aaEXAMPLEe306d62' },
  },
]

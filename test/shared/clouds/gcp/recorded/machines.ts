import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

const region = 'us-central1'
const api = 'https://cloud.google.com/compute/docs/reference/rest/v1'
const vm = { region, id: 'zones/us-central1-a/instances/instance-1' }
const gibibyte = 2 ** 30

/** Responses of Compute Engine about the project, machines and snapshots. */
export const machineCases: RecordedCase[] = [
  {
    title: 'a project names itself',
    source: `${api}/projects/get`,
    replies: ['compute-project.json'],
    call: async (cloud) => (await cloud.identity.validate()).accountId,
    gives: 'example-project',
  },
  {
    title: 'regions over two pages, without one that is down',
    source: `${api}/regions/list`,
    replies: ['compute-regions-1.json', 'compute-regions-2.json'],
    call: (cloud) => cloud.identity.regions(),
    gives: [
      { id: 'asia-east1', name: 'asia-east1', zones: ['asia-east1-a', 'asia-east1-b', 'asia-east1-c'] },
      {
        id: 'us-central1',
        name: 'us-central1',
        zones: ['us-central1-a', 'us-central1-b', 'us-central1-c', 'us-central1-f'],
      },
    ],
  },
  {
    title: 'machine types with shared cores, with ARM and with GPUs, without one that is gone',
    source: `${api}/machineTypes/list`,
    replies: ['compute-region.json', 'compute-machine-types.json'],
    call: (cloud) => cloud.compute.sizes('europe-west4'),
    gives: [
      {
        name: 'e2-micro',
        vcpus: 2,
        memoryMib: 1024,
        architectures: ['x86_64'],
        firmwares: ['bios', 'uefi'],
        burstable: true,
        gpus: 0,
      },
      {
        name: 't2a-standard-4',
        vcpus: 4,
        memoryMib: 16384,
        architectures: ['arm64'],
        firmwares: ['uefi'],
        burstable: false,
        gpus: 0,
      },
      {
        name: 'a2-highgpu-1g',
        vcpus: 12,
        memoryMib: 87040,
        architectures: ['x86_64'],
        firmwares: ['bios', 'uefi'],
        burstable: false,
        gpus: 1,
      },
    ],
  },
  {
    title: 'a running instance that somebody else made, its boot disk listed second',
    source: `${api}/instances/get`,
    replies: ['compute-instance.json'],
    call: (cloud) => cloud.compute.get(vm),
    gives: {
      ...vm,
      name: 'instance-1',
      state: 'running',
      zone: 'us-central1-a',
      instanceType: 'e2-medium',
      architecture: 'x86_64',
      firmware: 'uefi',
      publicIp: '34.122.10.7',
      privateIp: '10.128.0.4',
      securityGroups: ['default/http-server', 'default/https-server'],
      subnet: 'regions/us-central1/subnetworks/default',
      spot: false,
      tenancy: 'shared',
      detailedMonitoring: true,
      tags: { env: 'prod', team: 'web' },
      disks: [
        {
          id: 'zones/us-central1-a/disks/instance-1',
          sizeBytes: 10 * gibibyte,
          boot: true,
          device: 'instance-1',
        },
        { id: 'zones/us-central1-a/disks/data-1', sizeBytes: 500 * gibibyte, boot: false, device: 'data' },
      ],
      createdAt: new Date('2026-02-03T12:05:06.789Z'),
    },
  },
  {
    title: 'a Spot VM that was taken away is stopped, not gone; ARM is told by its series',
    source: `${api}/instances/get`,
    replies: ['compute-instance-spot.json'],
    call: (cloud) => cloud.compute.get({ region, id: 'zones/us-central1-a/instances/batch-7' }),
    gives: {
      region,
      id: 'zones/us-central1-a/instances/batch-7',
      name: 'batch-7',
      state: 'stopped',
      zone: 'us-central1-a',
      instanceType: 't2a-standard-1',
      architecture: 'arm64',
      firmware: 'bios',
      privateIp: '10.9.0.9',
      securityGroups: [],
      subnet: 'regions/us-central1/subnetworks/prod-a',
      spot: true,
      tenancy: 'shared',
      placementGroup: 'compact',
      detailedMonitoring: true,
      tags: {},
      disks: [
        {
          id: 'zones/us-central1-a/disks/batch-7',
          sizeBytes: 20 * gibibyte,
          boot: true,
          device: 'persistent-disk-0',
        },
      ],
      createdAt: new Date('2026-02-03T12:05:06.789Z'),
    },
  },
  {
    title: 'instances of a region over two pages, whose zones may be empty, and none of another region',
    source: `${api}/instances/aggregatedList`,
    replies: ['compute-instances-1.json', 'compute-instances-2.json'],
    call: async (cloud) =>
      (await Array.fromAsync(cloud.compute.list({ region }))).map(({ id, state }) => [id, state]),
    gives: [
      ['zones/us-central1-a/instances/a', 'suspended'],
      ['zones/us-central1-b/instances/b', 'pending'],
    ],
  },
  {
    title: 'an instance that does not exist',
    source: 'https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-vm-creation',
    replies: [{ file: 'compute-error-not-found.json', status: 404 }],
    call: (cloud) => cloud.compute.get({ region, id: 'zones/us-central1-a/instances/none' }),
    gives: undefined,
  },
  {
    title: 'the output of a serial port',
    source: `${api}/instances/getSerialPortOutput`,
    replies: ['compute-serial.json'],
    call: (cloud) => cloud.compute.consoleOutput(vm),
    gives: '[    0.000000] Linux version 6.1.0-18-cloud-amd64\r\ninstance-1 login: ',
  },
  {
    title: 'a snapshot that is ready',
    source: `${api}/snapshots/get`,
    replies: ['compute-snapshot.json'],
    call: (cloud) => cloud.disks.getSnapshot({ region, id: 'global/snapshots/nightly-1' }),
    gives: {
      region,
      id: 'global/snapshots/nightly-1',
      name: 'nightly-1',
      state: 'ready',
      sizeBytes: 10 * gibibyte,
      disk: 'zones/us-central1-a/disks/instance-1',
      encrypted: true,
      tags: { schedule: 'nightly' },
      createdAt: new Date('2026-05-06T14:08:09.123Z'),
    },
  },
  {
    title: 'snapshots of a region: by the disk they are of, else by where they are stored',
    source: `${api}/snapshots/list`,
    replies: ['compute-snapshots.json'],
    call: async (cloud) =>
      (await Array.fromAsync(cloud.disks.listSnapshots({ region }))).map(({ name, state, disk }) => [
        name,
        state,
        disk,
      ]),
    gives: [
      ['uploading', 'pending', 'zones/us-central1-a/disks/instance-1'],
      ['orphan', 'failed', undefined],
    ],
  },
  {
    title: 'a full quota, which is a 403 as a missing permission is',
    source: 'https://cloud.google.com/compute/resource-usage',
    replies: [{ file: 'compute-error-quota.json', status: 403 }],
    call: (cloud) => cloud.compute.start(vm),
    throws: { code: 'quota_exceeded', kind: 'capacity', scope: 'region', vendorCode: 'quotaExceeded' },
  },
  {
    title: 'an API that is not enabled',
    source: 'https://cloud.google.com/apis/docs/troubleshooting',
    replies: [{ file: 'compute-error-disabled.json', status: 403 }],
    call: (cloud) => cloud.compute.start(vm),
    throws: {
      code: 'forbidden',
      kind: 'permanent',
      vendorCode: 'accessNotConfigured',
      remedy: 'Enable the API that the message names in the project.',
    },
  },
  {
    title: 'a missing permission',
    source: 'https://cloud.google.com/compute/docs/access/iam-permissions',
    replies: [{ file: 'compute-error-permission.json', status: 403 }],
    call: (cloud) => cloud.compute.stop(vm),
    throws: {
      code: 'forbidden',
      kind: 'permanent',
      operation: 'compute.instances.stop',
      vendorCode: 'forbidden',
    },
  },
  {
    title: 'a zone without room, told by the operation that had been accepted',
    source: 'https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-resource-availability',
    replies: [
      { file: 'compute-error-not-found.json', status: 404, to: 'GET /compute' },
      {
        file: 'compute-operation-running.json',
        to: 'POST /compute/v1/projects/my-project/zones/us-central1-a/instances?',
      },
      { file: 'compute-operation-exhausted.json', to: 'operation-1716-abc/wait' },
    ],
    call: (cloud) =>
      cloud.compute.create({
        token: '0190f7a2-0000-7000-8000-000000000001',
        tags: { 'novacron-tenant': 'acme', 'novacron-job': 'job_1', 'novacron-step': 'create' },
        region,
        zone: 'us-central1-a',
        name: 'no-room',
        instanceType: 'e2-medium',
        boot: { image: undefined },
      }),
    throws: {
      code: 'capacity',
      kind: 'capacity',
      scope: 'zone',
      vendorCode: 'ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS',
      requestId: 'operation-1716-abc',
    },
  },
]

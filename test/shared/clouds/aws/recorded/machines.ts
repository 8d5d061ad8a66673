import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

const region = 'eu-west-1'
const api = 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference'

/** Responses of EC2 about machines, disks and networks. */
export const machineCases: RecordedCase[] = [
  {
    title: 'an instance with its volume',
    source: `${api}/API_DescribeInstances.html#API_DescribeInstances_Example_1`,
    replies: ['describe-instances.xml', 'describe-volumes.xml'],
    call: (cloud) => cloud.compute.get({ region, id: 'i-1234567890abcdef0' }),
    gives: {
      region,
      id: 'i-1234567890abcdef0',
      name: 'Server_1',
      state: 'running',
      zone: 'eu-west-1c',
      instanceType: 't2.micro',
      architecture: 'x86_64',
      publicIp: '54.194.252.215',
      privateIp: '192.168.1.88',
      imageId: 'ami-bff32ccc',
      keyPair: 'my_keypair',
      securityGroups: ['sg-e4076000'],
      subnet: 'subnet-56f5f000',
      spot: false,
      tenancy: 'shared',
      detailedMonitoring: false,
      tags: { Name: 'Server_1' },
      disks: [{ id: 'vol-1234567890abcdef0', sizeBytes: 80 * 2 ** 30, boot: true, device: '/dev/xvda' }],
      createdAt: new Date('2015-12-22T10:44:09Z'),
    },
  },
  {
    title: 'a snapshot that is under way',
    source: `${api}/API_DescribeSnapshots.html#API_DescribeSnapshots_Example_1`,
    replies: ['describe-snapshots.xml'],
    call: (cloud) => cloud.disks.getSnapshot({ region, id: 'snap-1234567890abcdef0' }),
    gives: {
      region,
      id: 'snap-1234567890abcdef0',
      name: 'Daily Backup',
      state: 'pending',
      sizeBytes: 15 * 2 ** 30,
      disk: 'vol-1234567890abcdef0',
      encrypted: true,
      tags: {},
      createdAt: new Date('2014-01-01T12:30:00Z'),
    },
  },
  {
    title: 'a refusal for want of a permission',
    source: `${api}/errors-overview.html#api-error-response`,
    replies: ['error-unauthorized.http'],
    call: (cloud) => cloud.compute.start({ region, id: 'i-1234567890abcdef0' }),
    throws: {
      name: 'CloudError',
      code: 'forbidden',
      vendorCode: 'UnauthorizedOperation',
      requestId: 'ea966190-f9aa-478e-9ede-example',
    },
  },
]

import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

const region = 'eu-west-1'
const api = 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference'

/** Responses of EC2 about images, and of VM Import/Export. */
export const imageCases: RecordedCase[] = [
  {
    title: 'an image without tags that prefers UEFI',
    source: `${api}/API_DescribeImages.html#API_DescribeImages_Examples`,
    replies: ['describe-images.xml'],
    call: (cloud) => Array.fromAsync(cloud.images.list({ region })),
    gives: [
      {
        region,
        id: 'ami-1234567890EXAMPLE',
        name: 'My-AMI-Name',
        state: 'ready',
        architecture: 'x86_64',
        firmware: 'uefi',
        sizeBytes: 15 * 2 ** 30,
        public: false,
        tags: {},
        createdAt: new Date('2025-02-25T10:00:00Z'),
      },
    ],
  },
  {
    title: 'an import under way',
    source: 'https://docs.aws.amazon.com/vm-import/latest/userguide/import-vm-image.html',
    replies: ['describe-import-tasks-active.xml'],
    call: (cloud) => cloud.images.taskState({ region, id: 'import-ami-1234567890abcdef0' }),
    gives: { state: 'pending', progressPercent: 28, message: 'converting' },
  },
  {
    title: 'an import of a file that is none',
    source: 'https://docs.aws.amazon.com/vm-import/latest/userguide/vmimport-troubleshooting.html',
    replies: ['describe-import-tasks-deleted.xml'],
    call: (cloud) => cloud.images.taskState({ region, id: 'import-ami-1234567890abcdef0' }),
    gives: {
      state: 'failed',
      message: 'ClientError: Disk validation failed [Unsupported VMDK File Format]',
    },
  },
  {
    title: 'an import that nobody started',
    source: `${api}/errors-overview.html`,
    replies: ['error-import-task-unknown.http'],
    call: (cloud) => cloud.images.taskState({ region, id: 'import-ami-11111111111111111' }),
    gives: undefined,
  },
  {
    title: 'an import without the role that it needs',
    source: 'https://docs.aws.amazon.com/vm-import/latest/userguide/vmimport-troubleshooting.html',
    replies: ['error-import-role.http'],
    call: (cloud) =>
      cloud.images.importFile({
        token: 'b3b5b7f4-1cf3-4cb8-bd2d-1d7e1ef4a0f3',
        tags: { 'novacron-tenant': 'acme', 'novacron-job': 'job_1', 'novacron-step': 'import' },
        source: { region, bucket: 'amzn-s3-demo-import-bucket', key: 'my-server-vm.ova' },
        format: 'ova',
        name: 'My server VM',
        architecture: 'x86_64',
        firmware: 'bios',
      }),
    throws: { code: 'invalid_request', kind: 'permanent', vendorCode: 'InvalidParameter' },
  },
  {
    title: 'an export under way',
    source: 'https://docs.aws.amazon.com/vm-import/latest/userguide/vmexport_image.html',
    replies: ['describe-export-tasks.xml'],
    call: (cloud) => cloud.images.taskState({ region, id: 'export-ami-1234567890abcdef0' }),
    gives: { state: 'pending', progressPercent: 21, message: 'updating' },
  },
]

import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

const region = 'eu-west-1'
const api = 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference'

/** Responses of EC2 about networks. */
export const networkCases: RecordedCase[] = [
  {
    title: 'a VPC with one range in use, one on its way out, one of IPv6, and its subnet',
    source: `${api}/API_DescribeVpcs.html#API_DescribeVpcs_Examples`,
    replies: [
      { file: 'describe-subnets.xml', to: 'Action=DescribeSubnets' },
      { file: 'describe-vpcs.xml', to: 'Action=DescribeVpcs' },
    ],
    call: (cloud) => Array.fromAsync(cloud.networks.list({ region })),
    gives: [
      {
        region,
        id: 'vpc-a01106c2',
        name: 'MyVPC',
        cidrs: ['10.0.0.0/16', '2001:db8:1234:1a00::/56'],
        state: 'ready',
        isDefault: false,
        subnets: [
          {
            region,
            id: 'subnet-9d4a7b6c',
            name: 'subnet-9d4a7b6c',
            network: 'vpc-a01106c2',
            cidr: '10.0.1.0/24',
            zone: 'us-east-1c',
            tags: {},
          },
        ],
        tags: { Name: 'MyVPC' },
      },
    ],
  },
  {
    title: 'a security group that lets the web in, an office by name, and another group',
    source: `${api}/API_DescribeSecurityGroups.html#API_DescribeSecurityGroups_Examples`,
    replies: ['describe-security-groups.xml'],
    call: (cloud) => cloud.networks.securityGroups.get({ region, id: 'sg-1a2b3c4d' }),
    gives: {
      region,
      id: 'sg-1a2b3c4d',
      name: 'WebServers',
      description: 'Web Servers',
      network: 'vpc-614cc409',
      rules: [
        { direction: 'ingress', protocol: 'tcp', fromPort: 80, toPort: 80, cidrs: ['0.0.0.0/0', '::/0'] },
        {
          direction: 'ingress',
          protocol: 'tcp',
          fromPort: 22,
          toPort: 22,
          cidrs: ['203.0.113.0/24'],
          description: 'Access from NY office',
        },
      ],
      tags: {},
    },
  },
  {
    title: 'addresses, without the one of EC2-Classic that has no allocation',
    source: `${api}/API_DescribeAddresses.html#API_DescribeAddresses_Examples`,
    replies: ['describe-addresses.xml'],
    call: (cloud) => Array.fromAsync(cloud.networks.addresses.list({ region })),
    gives: [
      {
        region,
        id: 'eipalloc-12345678',
        name: 'eipalloc-12345678',
        ip: '203.0.113.0',
        vm: 'i-1234567890abcdef0',
        tags: {},
      },
    ],
  },
  {
    title: 'an address that is allocated',
    source: `${api}/API_AllocateAddress.html#API_AllocateAddress_Examples`,
    replies: ['describe-addresses-none.xml', 'allocate-address.xml', 'describe-addresses-new.xml'],
    call: (cloud) =>
      cloud.networks.addresses.create({
        region,
        name: 'front',
        token: '5f0c7d7e-6c0b-4a51-9f39-3d8a0f2b7f11',
        tags: { 'novacron-tenant': 'acme', 'novacron-job': 'job_1', 'novacron-step': 'create' },
      }),
    gives: { region, id: 'eipalloc-64d5890a' },
  },
  {
    title: 'a subnet that still holds something',
    source: `${api}/errors-overview.html`,
    replies: ['error-dependency.http'],
    call: (cloud) => cloud.networks.subnets.delete({ region, id: 'subnet-9d4a7b6c' }),
    throws: { code: 'conflict', kind: 'retryable', vendorCode: 'DependencyViolation' },
  },
]

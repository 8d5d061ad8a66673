import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

const region = 'us-central1'
const api = 'https://cloud.google.com/compute/docs/reference/rest/v1'

/** Responses of Compute Engine about networks, firewall rules and addresses. */
export const networkCases: RecordedCase[] = [
  {
    title: 'networks with their subnets of the region',
    source: `${api}/networks/list`,
    replies: [
      { file: 'compute-networks.json', to: '/global/networks' },
      { file: 'compute-subnetworks.json', to: '/subnetworks' },
    ],
    call: (cloud) => Array.fromAsync(cloud.networks.list({ region })),
    gives: [
      {
        region,
        id: 'global/networks/default',
        name: 'default',
        cidrs: [],
        state: 'ready',
        isDefault: true,
        subnets: [
          {
            region,
            id: 'regions/us-central1/subnetworks/default',
            name: 'default',
            network: 'global/networks/default',
            cidr: '10.128.0.0/20',
            tags: {},
          },
        ],
        tags: {},
      },
      {
        region,
        id: 'global/networks/prod',
        name: 'prod',
        cidrs: [],
        state: 'ready',
        isDefault: false,
        subnets: [],
        tags: {},
      },
    ],
  },
  {
    title:
      'firewall rules that aim at a network tag are a security group: what permits, and nothing that is turned off or refuses',
    source: `${api}/firewalls/list`,
    replies: ['compute-firewalls.json'],
    call: (cloud) => Array.fromAsync(cloud.networks.securityGroups.list({ region })),
    gives: [
      {
        region,
        id: 'default/http-server',
        name: 'http-server',
        description: '',
        network: 'global/networks/default',
        rules: [
          {
            direction: 'ingress',
            protocol: 'tcp',
            fromPort: 80,
            toPort: 80,
            cidrs: ['0.0.0.0/0'],
            description: 'Web',
          },
          {
            direction: 'ingress',
            protocol: 'tcp',
            fromPort: 8000,
            toPort: 8080,
            cidrs: ['0.0.0.0/0'],
            description: 'Web',
          },
          { direction: 'ingress', protocol: 'icmp', cidrs: ['10.0.0.0/8'] },
          { direction: 'egress', protocol: 'any', cidrs: ['2001:db8::/32'] },
        ],
        tags: {},
      },
    ],
  },
  {
    title: 'an address in use and one that is spare',
    source: `${api}/addresses/list`,
    replies: ['compute-addresses.json'],
    call: (cloud) => Array.fromAsync(cloud.networks.addresses.list({ region })),
    gives: [
      {
        region,
        id: 'regions/us-central1/addresses/front',
        name: 'front',
        ip: '35.202.1.2',
        vm: 'zones/us-central1-a/instances/instance-1',
        tags: {},
      },
      {
        region,
        id: 'regions/us-central1/addresses/spare',
        name: 'spare',
        ip: '35.202.1.3',
        tags: { keep: 'yes' },
      },
    ],
  },
  {
    title: 'a network that something is in',
    source: 'https://cloud.google.com/vpc/docs/create-modify-vpc-networks#deleting_a_network',
    replies: [{ file: 'compute-error-in-use.json', status: 400 }],
    call: (cloud) => cloud.networks.delete({ region, id: 'global/networks/prod' }),
    throws: { code: 'conflict', kind: 'retryable', vendorCode: 'resourceInUseByAnotherResource' },
  },
]

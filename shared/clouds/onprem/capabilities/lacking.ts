import type { Capability, Operation } from '#shared/clouds/operations.ts'

/** What neither driver can do. */
export const lacking = {
  'compute.create.spot': {
    lacking: 'Hosts of your own have no spot market.',
    remedy: 'Leave spot_instance out, or use another provider.',
  },
  'compute.create.spot_price_cap': {
    lacking: 'Hosts of your own have no spot market.',
    remedy: 'Leave max_spot_price out, or use another provider.',
  },
  'prices.list.spot': { lacking: 'Hosts of your own have no spot market.' },
  'compute.create.placement_group': {
    lacking: 'Hosts know no placement groups.',
    remedy: 'Name the host as availability_zone.',
  },
} as const satisfies Partial<Record<Operation, Capability>>

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

/** What is special about it, on both. */
export const liveResize =
  'Of x86-64 guests, up to the headroom that they were started with: vCPUs are added, memory (virtio-mem: Linux since 5.8) is added and taken back as far as the guest takes part. Its agent turns on what the guest leaves off. Whatever else needs a stop.'

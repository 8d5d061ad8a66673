/** The firmware starts anew, with all disks. */
export const boot = ['human-monitor-command', 'system_reset', 'cont'] as const

/** A running machine gets a disk, with its key. */
export const plug = [
  'qmp_capabilities',
  'qom-list',
  'query-named-block-nodes',
  'object-add',
  'blockdev-add',
  'device_add',
] as const

/** Hosts are looked at: their QEMU, their guests, their room. */
export const place = ['record list', 'qemu-system-x86_64', 'statfs'] as const

/** A volume is made beside its place and put there when it is whole. */
export const make = ['qemu-img info', 'qemu-img create', 'rename'] as const

/** A volume that no machine runs on is read. */
export const read = ['qemu-storage-daemon', 'nbd connect', 'nbd block-status', 'nbd read'] as const

/** … and written, durably. */
export const write = ['nbd write', 'nbd flush'] as const

/** An image comes over from another host, where this one has no copy of it yet. */
export const spread = ['unlink', ...read, ...write] as const

/** A record is changed, by one at a time. */
export const turn = ['record get', 'record insert', 'record put', 'record remove'] as const

/** A process ends in order. */
export const end = ['quit', 'process wait'] as const

/** A VM is made of an image, with its seed, and started. */
export const create = [
  ...turn,
  ...place,
  ...make,
  ...spread,
  'qemu-img convert',
  'write',
  ...plug,
  ...boot,
  'query-status',
] as const

/** The host is told the key of a volume, for as long as it is used. */
export const keys = ['virsh secret-define', 'virsh secret-set-value'] as const

/** A paused domain that no guest runs in opens a volume. */
export const helper = ['virsh list', 'virsh create', 'virsh destroy'] as const

/** A volume is laid out and filled by a backup of another; what was half made goes. */
export const copy = [
  'virsh vol-create',
  'virsh vol-upload',
  'virsh vol-download',
  'virsh backup-dumpxml',
  'virsh domjobinfo',
  'virsh backup-begin',
  'virsh vol-delete',
] as const

/** What files a pool has. */
export const volumes = ['virsh vol-list', 'virsh vol-dumpxml'] as const

/** What room a pool has. */
export const pools = ['virsh pool-refresh', 'virsh pool-dumpxml'] as const

/** A machine is started: its console is made, its forwards are opened. */
export const start = [
  'virsh define',
  'virsh dominfo',
  'virsh vol-create-as',
  'virsh start',
  'virsh qemu-monitor-command',
  'virsh resume',
] as const

/** Bytes and extents of an opened volume. */
export const read = ['nbd connect', 'nbd block-status', 'nbd read'] as const

/** A volume is opened for writing. */
export const open = [
  'virsh qemu-monitor-command qom-get',
  'virsh qemu-monitor-command nbd-server-start',
  'virsh qemu-monitor-command block-export-add',
] as const

/** Bytes that are durable once written. */
export const write = ['nbd write', 'nbd flush'] as const

/** An image comes over from another host, where this one has no copy of it yet. */
export const spread = [...open, ...read, ...write] as const

/** A record is changed, by one at a time. */
export const turn = ['record get', 'record insert', 'record put', 'record remove'] as const

/** A VM is made of an image, with its seed, and started. */
export const create = [
  ...turn,
  'record list',
  'virsh version',
  ...pools,
  ...volumes,
  ...copy,
  ...helper,
  ...keys,
  'virsh blockresize',
  'virsh domstats',
  'virsh dumpxml',
  ...spread,
  ...start,
] as const

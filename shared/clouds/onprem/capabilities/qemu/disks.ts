import { plug, make, read, write, turn } from '#shared/clouds/onprem/capabilities/qemu/calls.ts'
import type { Capability, Operation } from '#shared/clouds/operations.ts'

/** Disks, snapshots and volumes, by the names of QMP commands, QEMU’s programs and the records that are kept on hosts. */
export const disksOperations = {
  'disks.createSnapshot': {
    calls: [
      ...turn,
      'record list',
      'qmp_capabilities',
      'query-status',
      ...make,
      'query-jobs',
      'query-named-block-nodes',
      'object-del',
      'object-add',
      'blockdev-add',
      'query-chardev',
      'transaction',
      'job-dismiss',
      'blockdev-del',
      'qemu-storage-daemon',
      'block-dirty-bitmap-remove',
    ],
    note: 'Only what changed since the one before, by a dirty bitmap; whole if the bitmap was lost. The guest agent, where it answers, freezes file systems for that moment, 15 s at most; if the worker dies they are thawed at once.',
  },
  'disks.getSnapshot': { calls: ['record get'] },
  'disks.listSnapshots': { calls: ['record list'] },
  'disks.deleteSnapshot': {
    calls: [
      'record get',
      'record put',
      'qmp_capabilities',
      'query-status',
      'query-jobs',
      'query-named-block-nodes',
      'object-del',
      'block-dirty-bitmap-remove',
      'record list',
      'unlink',
      'record insert',
      'record remove',
    ],
  },
  'disks.openSnapshot': { calls: ['record get', 'qemu-img info', ...read] },
  'disks.openChanges': {
    calls: ['record get', 'qemu-img info', ...read],
    note: 'Of snapshots of one chain; otherwise all that is allocated in either.',
  },
  'disks.createDisk': {
    calls: [
      'record get',
      'record list',
      'statfs',
      'record insert',
      ...make,
      'record put',
      'qemu-img convert',
    ],
  },
  'disks.write_delta': {
    calls: ['record get', 'statfs', 'record insert', ...make, 'qemu-img convert', 'record put'],
  },
  'disks.write': {
    calls: [
      'record get',
      'qemu-img info',
      'qemu-storage-daemon',
      'nbd connect',
      'nbd block-status',
      ...write,
    ],
  },
  'disks.sealDisk': { calls: [...turn] },
  'disks.openDisk': { calls: ['record get', 'qemu-img info', ...read] },
  'disks.deleteDisk': { calls: [...turn, 'unlink'] },
  'storage.volumes.list': { calls: ['record list'] },
  'storage.volumes.get': { calls: ['record get'] },
  'storage.volumes.create': {
    calls: [
      'record get',
      'record list',
      'statfs',
      'record insert',
      ...make,
      'qemu-img convert',
      'record put',
    ],
  },
  'storage.volumes.resize': { calls: [...turn, 'qemu-img info', 'qemu-img resize'] },
  'storage.volumes.attach': {
    calls: [...turn, ...plug, 'query-status', 'qemu-img info'],
    note: 'On the same host as the VM.',
  },
  'storage.volumes.detach': {
    calls: [...turn, 'qmp_capabilities', 'query-status', 'qom-list', 'device_del'],
    note: 'A running guest must let go of it; one that does not keeps it, and it is to be stopped.',
  },
  'storage.volumes.delete': { calls: [...turn, 'unlink'] },
} as const satisfies Partial<Record<Operation, Capability>>

import { place, make, read, write, turn } from '#shared/clouds/onprem/capabilities/qemu/calls.ts'
import type { Capability, Operation } from '#shared/clouds/operations.ts'

/** Images, networks, objects and what is observed, by the names of QMP commands, QEMU’s programs and the records that are kept on hosts. */
export const servicesOperations = {
  'images.list': { calls: ['record list'] },
  'images.get': { calls: ['record get'] },
  'images.createFromVm': { calls: [...turn, ...make, 'qemu-img convert'] },
  'images.importFile': {
    calls: ['record get', 'object list', 'record list', 'record insert'],
    note: 'Inspected before any program opens it: backing files, data files, foreign extents, encryption and sizes that lie are refused.',
  },
  'images.exportFile': {
    calls: ['record get', 'record list', 'record insert'],
    note: 'By qemu-img on the worker.',
  },
  'images.taskState': {
    calls: [
      ...turn,
      'object list',
      'object read',
      'record list',
      'statfs',
      'unlink',
      ...make,
      ...read,
      ...write,
      'object create',
      'object write',
      'object commit',
    ],
  },
  'images.delete': { calls: [...turn, 'statfs', 'unlink'] },
  'networks.list': { calls: ['record list'] },
  'networks.get': { calls: ['record list'] },
  'networks.create': {
    calls: ['record get', 'qemu-system-x86_64', 'record insert'],
    note: 'User-mode: its machines reach out (also to services on the host’s own loopback), and are reached by kept addresses alone, not by each other.',
  },
  'networks.delete': { calls: ['record list', 'record remove'] },
  'networks.subnets.create': { calls: ['record insert', 'record list', 'record remove'] },
  'networks.subnets.delete': { calls: ['record get', 'record list', 'record remove'] },
  'networks.securityGroups.list': { calls: ['record list'] },
  'networks.securityGroups.get': { calls: ['record get'] },
  'networks.securityGroups.create': {
    calls: ['record insert'],
    note: 'On user-mode networks they decide which ports an address leads to; limits on what machines call are refused there.',
  },
  'networks.securityGroups.setRules': { calls: ['record get', 'record list', 'record put'] },
  'networks.securityGroups.delete': { calls: ['record get', 'record list', 'record remove'] },
  'networks.addresses.list': { calls: ['record list'] },
  'networks.addresses.get': { calls: ['record get'] },
  'networks.addresses.create': { calls: ['record get', 'record insert', 'record list', 'record remove'] },
  'networks.addresses.associate': {
    calls: [...turn, 'record list'],
    note: 'From options.addresses; a port for each rule that permits everybody. To VMs on user-mode networks.',
  },
  'networks.addresses.disassociate': { calls: [...turn] },
  'networks.addresses.delete': { calls: ['record get', 'record remove'] },
  'storage.buckets.list': { calls: ['record list'] },
  'storage.buckets.get': { calls: ['record get'] },
  'storage.buckets.create': {
    calls: ['record insert', 'record get'],
    note: 'In a folder, sealed by AES-256-GCM record by record; or in any S3 service.',
  },
  'storage.buckets.setLifecycle': { calls: [...turn] },
  'storage.buckets.delete': { calls: ['record get', 'object list', 'bucket remove', 'record remove'] },
  'storage.objects.list': { calls: ['record get', 'object list'] },
  'storage.objects.write': { calls: ['record get', 'object create', 'object write', 'object commit'] },
  'storage.objects.read': { calls: ['record get', 'object read'] },
  'storage.objects.delete': { calls: ['record get', 'object delete'] },
  'metrics.vm': {
    calls: ['record get', 'process stat', 'qmp_capabilities', 'query-blockstats', 'record put'],
    note: 'Sampled each minute and whenever somebody asks; kept for 25 hours.',
  },
  'quotas.list': { calls: [...place], note: 'What hosts have, times over-commit.' },
  'prices.list': {
    calls: ['qemu-system-x86_64', 'record get', 'record insert'],
    note: 'What the hosts cost: hardware over its months, power and space, by vCPU and GiB of memory.',
  },
  'billing.rows': {
    calls: ['record get', 'qemu-system-x86_64', 'record list'],
    note: 'What each host cost by day, over the VMs by what they had while they were on, and the rest as idle.',
  },
  'posture.inventory': { calls: ['record list', 'qmp_capabilities', 'query-status'] },
  'health.probe': { calls: ['record list'] },
} as const satisfies Partial<Record<Operation, Capability>>

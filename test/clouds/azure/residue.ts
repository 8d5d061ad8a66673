import type { Context } from '#test/clouds/azure/context.ts'
import { versionState } from '#test/clouds/azure/images/world.ts'
import { provisioningState } from '#test/clouds/azure/estate.ts'
import { diskState } from '#test/clouds/azure/disks/disks.ts'

/**
 * All that exists: VMs, interfaces, addresses, disks and snapshots. Networks and resource groups come under kinds of their own,
 * `network` and `group`: they are shared by all jobs, cost nothing and stay; of subnets those that were made for a job, and what is recorded of them.
 */
export function residueOf({ estate, accounts, galleries, subscription }: Context) {
  const kinds = ['vm', 'nic', 'address', 'snapshot', 'network'] as const
  return [
    ...kinds.flatMap((kind) =>
      estate
        .list(kind)
        .map(({ id, tags, life }) => ({ kind, id, state: provisioningState(life.state()), tags })),
    ),
    ...estate.list('network').flatMap(({ id, tags, subnets }) => [
      ...subnets
        .filter(({ name }) => name.startsWith('nc-'))
        .map(({ name }) => ({ kind: 'subnet', id: `${id}/subnets/${name}`, state: 'Succeeded', tags: {} })),
      ...Object.keys(tags)
        .filter((tag) => tag.startsWith('novacron-subnet.'))
        .map((tag) => ({ kind: 'subnet_record', id: `${id} ${tag}`, state: 'kept', tags: {} })),
    ]),
    ...estate.list('nsg').map(({ id, tags, life }) => ({
      kind: 'security_group',
      id,
      state: provisioningState(life.state()),
      tags,
    })),
    ...estate
      .list('disk')
      .map((disk) => ({ kind: 'disk', id: disk.id, state: diskState(disk), tags: disk.tags })),
    ...[...galleries.values()]
      .flatMap(({ definitions }) => [...definitions.values()])
      .map(({ id, tags, versions }) => ({
        kind: 'image',
        id,
        state: [...versions.values()].map(versionState).join() || 'Succeeded',
        tags,
      })),
    ...[...accounts.values()].map(({ id, tags, life }) => ({
      kind: 'bucket',
      id,
      state: provisioningState(life.state()),
      tags,
    })),
    ...[...estate.groups.values()].map(({ name, tags }) => ({
      kind: 'group',
      id: `/subscriptions/${subscription}/resourceGroups/${name}`,
      state: 'Succeeded',
      tags,
    })),
  ]
}

import { changing } from '#test/clouds/gcp/compute/operations.ts'
import type { Handlers } from '#test/clouds/gcp/compute/handler.ts'
import { insertInstance } from '#test/clouds/gcp/compute/instances/add.ts'
import { changeHandlers, metadataFingerprint } from '#test/clouds/gcp/compute/instances/change.ts'
import { powerHandlers } from '#test/clouds/gcp/compute/instances/power.ts'
import { aggregated, found, listPage, okay, viewOf } from '#test/clouds/gcp/compute/things.ts'
import { fingerprintOf, type Body, type Thing } from '#test/clouds/gcp/compute/world.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** VM instances. */
export const instanceHandlers: Handlers = {
  'compute.instances.insert': (ask) => changing(ask, 'insert', () => insertInstance(ask)),
  'compute.instances.get': (ask) => okay(instanceView(ask.world, found(ask, 'instances', 'instance'))),
  'compute.instances.list': (ask) =>
    listPage(ask, 'instances', (instance) => instanceView(ask.world, instance)),
  'compute.instances.aggregatedList': (ask) =>
    aggregated(ask, 'instances', (instance) => instanceView(ask.world, instance)),
  'compute.instances.getSerialPortOutput': async (ask) => {
    const instance = found(ask, 'instances', 'instance')
    const contents = await ask.world.machines.console(instance.path)
    const start = Number(ask.query.get('start') ?? 0)
    return okay({
      kind: 'compute#serialPortOutput',
      contents: contents.slice(start),
      start: String(start),
      next: String(contents.length),
      selfLink: ask.request.url.href,
    })
  },
  ...powerHandlers,
  ...changeHandlers,
}

function instanceView(world: World, instance: Thing): Body {
  const { body, life } = instance
  const state = life.state()
  const metadata = (body['metadata'] ?? {}) as Body
  const tags = (body['tags'] ?? {}) as Body
  return viewOf(world, instance, {
    status: state === 'DELETING' ? 'STOPPING' : state,
    metadata: {
      kind: 'compute#metadata',
      fingerprint: metadataFingerprint(instance),
      ...(metadata['items'] === undefined ? {} : { items: metadata['items'] }),
    },
    tags: {
      fingerprint: fingerprintOf(tags['items'] ?? []),
      ...(tags['items'] === undefined ? {} : { items: tags['items'] }),
    },
    scheduling: {
      provisioningModel: 'STANDARD',
      automaticRestart: true,
      onHostMaintenance: 'MIGRATE',
      preemptible: false,
      ...(body['scheduling'] as Body | undefined),
    },
    deletionProtection: body['deletionProtection'] === true,
    startRestricted: false,
    cpuPlatform: 'Intel Broadwell',
    fingerprint: 'AAAAAAAAAAA=',
    networkInterfaces: (body['networkInterfaces'] as Body[]).map((nic) => withoutLease(nic, state)),
  })
}

/** An address that is not kept is given back while the instance does not run. */
function withoutLease(nic: Body, state: string): Body {
  if (!['TERMINATED', 'SUSPENDED', 'STOPPING', 'DELETING'].includes(state)) return nic
  return nic
}

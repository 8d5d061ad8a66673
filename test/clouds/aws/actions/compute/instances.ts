import { chosen, reading, tagsOf } from '#test/clouds/aws/action.ts'
import { isXen } from '#test/clouds/aws/catalog.ts'
import { filtered, notBoth, paged } from '#test/clouds/aws/querying.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { filters, flag, instanceId, list, need, nextToken, whole } from '#test/clouds/aws/shapes.ts'
import { find, type Instance, type InstanceState, type Region } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

export const describeInstances = reading(
  {
    InstanceId: list(instanceId),
    Filter: filters,
    IncludeManagedResources: flag,
    MaxResults: whole(5, 1000),
    NextToken: nextToken,
  },
  ({ InstanceId, Filter, MaxResults, NextToken }, { world, region }) => {
    notBoth(InstanceId, MaxResults, 'InstanceIds')
    const found = filtered(
      chosen(region, region.instances, InstanceId, 'InvalidInstanceID.NotFound'),
      Filter,
      {
        'instance-id': ({ id }) => [id],
        'instance-state-name': ({ life }) => [life.state()],
        'instance-state-code': ({ life }) => [String(stateCodes[life.state()])],
        'instance-type': ({ type }) => [type],
        'image-id': ({ imageId }) => [imageId],
        'client-token': ({ clientToken }) => [clientToken],
        'availability-zone': ({ zone }) => [zone],
        architecture: ({ architecture }) => [architecture],
        'key-name': ({ keyName }) => [keyName],
        'vpc-id': ({ subnetId }) => [region.subnets.get(subnetId)?.vpcId],
        'subnet-id': ({ subnetId }) => [subnetId],
        'reservation-id': ({ reservationId }) => [reservationId],
        'private-ip-address': ({ privateIp }) => [privateIp],
        'block-device-mapping.volume-id': ({ devices }) => devices.map((device) => device.volumeId),
        'instance-lifecycle': ({ spot }) => [spot ? 'spot' : undefined],
        tenancy: ({ tenancy }) => [tenancy],
        'placement-group-name': ({ placementGroup }) => [placementGroup],
        'hibernation-options.configured': ({ canHibernate }) => [String(canHibernate)],
        'instance.group-id': ({ groups }) => groups,
      },
    )
    const query = ['instances', InstanceId, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    const reservations = Map.groupBy(page, ({ reservationId }) => reservationId)
    return {
      reservationSet: [...reservations].map(([reservationId, instances]) => ({
        reservationId,
        ownerId: world.accountId,
        instancesSet: instances.map((instance) => describeInstance(region, instance)),
      })),
      nextToken: next,
    }
  },
)

export const getConsoleOutput = reading(
  { InstanceId: need(instanceId), Latest: flag },
  async (input, { world, region }) => {
    const instance = find(region, region.instances, input.InstanceId, 'InvalidInstanceID.NotFound')
    if (input.Latest === true && isXen(instance.type)) {
      throw new Refusal(
        'UnsupportedOperation',
        `This operation is not supported for instance type ${instance.type}`,
      )
    }
    const output = (await world.machines?.console(instance.id)) ?? ''
    return {
      instanceId: instance.id,
      timestamp: new Date(world.clock.now()),
      output: output === '' ? undefined : Buffer.from(output.slice(-65_536), 'latin1').toString('base64'),
    }
  },
)

export function describeInstance(region: Region, instance: Instance): Xml {
  const state = instance.life.state()
  const gone = state === 'terminated'
  return {
    instanceId: instance.id,
    imageId: instance.imageId,
    instanceState: { code: stateCodes[state], name: state },
    instanceType: instance.type,
    launchTime: instance.launchedAt,
    placement: {
      availabilityZone: instance.zone,
      tenancy: instance.tenancy,
      groupName: instance.placementGroup ?? '',
    },
    instanceLifecycle: instance.spot ? 'spot' : undefined,
    hibernationOptions: { configured: instance.canHibernate },
    privateIpAddress: gone ? undefined : instance.privateIp,
    ipAddress: publicAddressOf(region, instance, state),
    keyName: instance.keyName,
    subnetId: gone ? undefined : instance.subnetId,
    vpcId: gone ? undefined : region.subnets.get(instance.subnetId)?.vpcId,
    architecture: instance.architecture,
    rootDeviceType: 'ebs',
    rootDeviceName: instance.rootDevice,
    blockDeviceMapping: instance.devices.map(
      ({ device, volumeId: volume, deleteOnTermination, attachedAt, life }) => ({
        deviceName: device,
        ebs: { volumeId: volume, status: life.state(), attachTime: attachedAt, deleteOnTermination },
      }),
    ),
    groupSet: gone
      ? []
      : instance.groups.map((id) => ({ groupId: id, groupName: region.groups.get(id)?.name ?? '' })),
    clientToken: instance.clientToken,
    enaSupport: instance.enaSupport,
    bootMode: instance.bootMode,
    currentInstanceBootMode: instance.runsIn,
    virtualizationType: 'hvm',
    hypervisor: 'xen',
    monitoring: { state: instance.detailedMonitoring ? 'enabled' : 'disabled' },
    // The images say that their guests know version 2 of the metadata service: nothing else is answered then.
    metadataOptions: { state: 'applied', httpTokens: 'required', httpEndpoint: 'enabled' },
    stateReason: instance.reason,
    tagSet: tagsOf(instance.tags),
  }
}

/** An address that is kept takes the place of the one that comes and goes with running. */
function publicAddressOf(region: Region, instance: Instance, state: InstanceState): string | undefined {
  if (state === 'terminated') return undefined
  const kept = [...region.addresses.values()].find(({ instanceId: of }) => of === instance.id)
  if (kept) return kept.ip
  return state === 'running' ? instance.publicIp : undefined
}

/** API reference of InstanceState. */
export const stateCodes: Record<InstanceState, number> = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
}

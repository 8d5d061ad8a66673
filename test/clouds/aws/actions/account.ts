import { settingsOf } from '#test/clouds/aws/actions/region-settings.ts'
import { changing, chosen, done, reading } from '#test/clouds/aws/action.ts'
import { filtered, paged } from '#test/clouds/aws/querying.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import {
  filters,
  instanceId,
  list,
  need,
  nextToken,
  oneOf,
  snapshotId,
  text,
  whole,
} from '#test/clouds/aws/shapes.ts'
import { find, newId } from '#test/clouds/aws/world.ts'

export const getEbsEncryptionByDefault = reading({}, (_, scene) => ({
  ebsEncryptionByDefault: settingsOf(scene).ebsEncryptionByDefault,
}))

/** It is for what is made from now on: "Enable Amazon EBS encryption by default". */
const setEncryption = (ebsEncryptionByDefault: boolean) =>
  changing({}, (_, scene) => {
    settingsOf(scene).ebsEncryptionByDefault = ebsEncryptionByDefault
    return { ebsEncryptionByDefault }
  })

export const enableEbsEncryptionByDefault = setEncryption(true)
export const disableEbsEncryptionByDefault = setEncryption(false)

export const getSnapshotBlockPublicAccessState = reading({}, (_, scene) => ({
  state: settingsOf(scene).snapshotBlock,
}))

export const enableSnapshotBlockPublicAccess = changing(
  { State: need(oneOf('block-all-sharing', 'block-new-sharing')) },
  ({ State }, scene) => {
    settingsOf(scene).snapshotBlock = State
    return { state: State }
  },
)

export const getSerialConsoleAccessStatus = reading({}, (_, scene) => ({
  serialConsoleAccessEnabled: settingsOf(scene).serialConsole,
}))

export const enableSerialConsoleAccess = changing({}, (_, scene) => {
  settingsOf(scene).serialConsole = true
  return { serialConsoleAccessEnabled: true }
})

export const describeInstanceAttribute = reading(
  { InstanceId: need(instanceId), Attribute: need(oneOf('disableApiTermination')) },
  (input, { region }) => {
    const instance = find(region, region.instances, input.InstanceId, 'InvalidInstanceID.NotFound')
    return { instanceId: instance.id, disableApiTermination: { value: instance.protectedFromTermination } }
  },
)

export const modifySnapshotAttribute = changing(
  {
    SnapshotId: need(snapshotId),
    Attribute: oneOf('createVolumePermission'),
    OperationType: need(oneOf('add', 'remove')),
    UserGroup: list(oneOf('all')),
  },
  (input, scene) => {
    const { world, region } = scene
    const snapshot = find(region, region.snapshots, input.SnapshotId, 'InvalidSnapshot.NotFound')
    if (input.OperationType === 'add' && settingsOf(scene).snapshotBlock !== 'unblocked')
      throw new Refusal('OperationNotPermitted', 'Public snapshot sharing is blocked in this region')
    const { publicSnapshots } = world.services
    if (input.OperationType === 'add') publicSnapshots.add(snapshot.id)
    else publicSnapshots.delete(snapshot.id)
    return done
  },
)

export const createFlowLogs = changing(
  {
    ResourceId: need(list(text())),
    ResourceType: need(oneOf('VPC')),
    TrafficType: oneOf('ACCEPT', 'REJECT', 'ALL'),
    LogDestinationType: oneOf('s3', 'cloud-watch-logs'),
    LogDestination: text(),
  },
  ({ ResourceId }, { world, region }) => {
    const vpcs = chosen(region, region.vpcs, ResourceId, 'InvalidVpcID.NotFound')
    const made = vpcs.map(({ id }) => ({
      id: newId('fl'),
      seq: world.nextSeq(),
      tags: new Map<string, string>(),
      resourceId: id,
      region: region.name,
    }))
    for (const log of made) world.services.flowLogs.set(log.id, log)
    return { flowLogIdSet: made.map(({ id }) => id) }
  },
)

export const describeFlowLogs = reading(
  { FlowLogId: list(text()), Filter: filters, MaxResults: whole(5, 1000), NextToken: nextToken },
  ({ FlowLogId, Filter, MaxResults, NextToken }, { world, region }) => {
    const logs = [...world.services.flowLogs.values()].filter((log) => log.region === region.name)
    const found = filtered(logs, Filter, { 'resource-id': ({ resourceId }) => [resourceId] })
    const query = ['flow-logs', FlowLogId, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    return {
      flowLogSet: page.map(({ id, resourceId }) => ({
        flowLogId: id,
        resourceId,
        flowLogStatus: 'ACTIVE',
        trafficType: 'ALL',
      })),
      nextToken: next,
    }
  },
)

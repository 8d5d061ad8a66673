import { pick } from '#test/clouds/gcp/compute/disks.ts'
import type { ComputeAsk } from '#test/clouds/gcp/compute/handler.ts'
import { readDisks } from '#test/clouds/gcp/compute/instances/disks.ts'
import { readInterfaces } from '#test/clouds/gcp/compute/instances/interfaces.ts'
import { onEnter, transitionsOf, type AttachedDisk } from '#test/clouds/gcp/compute/instances/state.ts'
import { checkMetadata } from '#test/clouds/gcp/compute/instances/metadata.ts'
import { cpusIn, machineTypeOf, regionOf } from '#test/clouds/gcp/compute/places.ts'
import { checkLabels, placeFor } from '#test/clouds/gcp/compute/things.ts'
import { addThing, type Body, type Thing } from '#test/clouds/gcp/compute/world.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** `instances.insert`: everything is checked before anything is made. */
export async function insertInstance(ask: ComputeAsk) {
  const { world, body, path } = ask
  const zone = path['zone'] ?? ''
  const at = placeFor(ask, 'instances')
  const type = machineTypeOf(body['machineType'])
  if (!String(body['machineType']).includes(`zones/${zone}/`))
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'resource.machineType': '${String(body['machineType'])}'. The machine type is of another zone.`,
    )
  checkLabels(body['labels'])
  checkMetadata(body['metadata'])
  checkScheduling(body['scheduling'])
  const disks = readDisks(world, zone, at.name, body['disks'])
  for (const { architecture } of disks)
    if (architecture !== undefined && architecture !== type.architecture)
      throw new Refusal(
        400,
        'invalid',
        `Requested boot disk architecture (${architecture}) is not compatible with machine type architecture (${type.architecture}).`,
      )
  const networkInterfaces = readInterfaces(world, zone, body['networkInterfaces'])
  checkQuota(world, zone, type.guestCpus)

  const attached: AttachedDisk[] = []
  for (const [index, disk] of disks.entries()) attached.push({ ...(await disk.make()), index })
  const instance = addInstance(world, zone, at.name, {
    ...pick(body, [
      'description',
      'labels',
      'metadata',
      'tags',
      'scheduling',
      'resourcePolicies',
      'deletionProtection',
      'serviceAccounts',
      'shieldedInstanceConfig',
      'hostname',
      'minCpuPlatform',
      'canIpForward',
    ]),
    machineType: `projects/${world.project}/zones/${zone}/machineTypes/${type.name}`,
    disks: attached,
    networkInterfaces,
  })
  return { target: instance, afterMs: world.delays.operation }
}

/** Enters an instance that begins as PROVISIONING, or as RUNNING where no body is given. */
export function addInstance(world: World, zone: string, name: string, body?: Body): Thing {
  const region = regionOf(world, zone)
  let made: Thing | undefined
  const thing = (): Thing => {
    if (!made) throw new Error('an instance entered a state before it was there')
    return made
  }
  const entered = body === undefined ? plainBody(world, zone, region, name) : body
  const options = {
    transitions: transitionsOf(world),
    onEnter: onEnter(world, thing),
    listedAfterMs: world.delays.visible,
  }
  return (made = addThing(
    world.compute,
    world.clock,
    { collection: 'instances', place: zone, name },
    body === undefined ? 'RUNNING' : 'PROVISIONING',
    entered,
    options,
  ))
}

function checkQuota(world: World, zone: string, wanted: number): void {
  const region = regionOf(world, zone)
  const { cpuQuota } = world.compute
  if (cpusIn(world, region) + wanted <= cpuQuota) return
  throw new Refusal(403, 'quotaExceeded', `Quota 'CPUS' exceeded.  Limit: ${cpuQuota}.0 in region ${region}.`)
}

function checkScheduling(sent: unknown): void {
  const {
    provisioningModel: model = 'STANDARD',
    automaticRestart,
    onHostMaintenance,
    instanceTerminationAction,
  } = (sent ?? {}) as Body
  if (!['STANDARD', 'SPOT', 'FLEX_START', 'RESERVATION_BOUND'].includes(String(model)))
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'resource.scheduling.provisioningModel': '${String(model)}'.`,
    )
  if (model === 'SPOT' && (automaticRestart === true || onHostMaintenance === 'MIGRATE'))
    throw new Refusal(
      400,
      'invalid',
      "Invalid value for field 'resource.scheduling': Spot VMs can neither restart by themselves nor migrate.",
    )
  if (instanceTerminationAction !== undefined && model !== 'SPOT')
    throw new Refusal(
      400,
      'invalid',
      "Invalid value for field 'resource.scheduling.instanceTerminationAction': only for Spot VMs.",
    )
}

function plainBody(world: World, zone: string, region: string, name: string): Body {
  const disk = addThing(world.compute, world.clock, { collection: 'disks', place: zone, name }, 'READY', {
    sizeGb: '10',
    type: `projects/${world.project}/zones/${zone}/diskTypes/pd-balanced`,
  })
  return {
    populated: true,
    machineType: `projects/${world.project}/zones/${zone}/machineTypes/e2-medium`,
    disks: [
      {
        kind: 'compute#attachedDisk',
        type: 'PERSISTENT',
        mode: 'READ_WRITE',
        interface: 'SCSI',
        boot: true,
        autoDelete: true,
        deviceName: 'persistent-disk-0',
        source: disk.path,
        diskSizeGb: '10',
        architecture: 'X86_64',
        index: 0,
      },
    ],
    networkInterfaces: [
      {
        name: 'nic0',
        network: `projects/${world.project}/global/networks/default`,
        subnetwork: `projects/${world.project}/regions/${region}/subnetworks/default`,
        networkIP: '10.128.0.2',
      },
    ],
  }
}

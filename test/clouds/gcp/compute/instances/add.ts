import { newAddress, userOf } from '#test/clouds/gcp/compute/addresses.ts'
import { imageNamed, makeDisk, pick, usersOf } from '#test/clouds/gcp/compute/disks.ts'
import type { ComputeAsk } from '#test/clouds/gcp/compute/handler.ts'
import { onEnter, transitionsOf, type AttachedDisk } from '#test/clouds/gcp/compute/instances/state.ts'
import { checkMetadata } from '#test/clouds/gcp/compute/instances/metadata.ts'
import { cpusIn, machineTypeOf, regionOf } from '#test/clouds/gcp/compute/places.ts'
import { checkLabels, inUse, mustBeFree, nameIn, placeFor } from '#test/clouds/gcp/compute/things.ts'
import { addThing, listOf, pathOf, resolve, type Body, type Thing } from '#test/clouds/gcp/compute/world.ts'
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

/** The network interfaces of an instance: a network, or a subnet of the zone's region. */
export function readInterfaces(world: World, zone: string, sent: unknown): Body[] {
  const interfaces = (sent ?? []) as Body[]
  if (interfaces.length === 0)
    throw new Refusal(
      400,
      'invalid',
      "Invalid value for field 'resource.networkInterfaces': ''. At least one network interface is required.",
    )
  const region = regionOf(world, zone)
  return interfaces.map((one, index) => {
    const subnet = subnetOf(world, region, one)
    return {
      name: `nic${index}`,
      network: subnet.body['network'],
      subnetwork: subnet.path,
      networkIP: addressIn(world, subnet),
      stackType: 'IPV4_ONLY',
      fingerprint: 'AAAAAAAAAAA=',
      ...(one['accessConfigs'] === undefined || (one['accessConfigs'] as Body[]).length === 0
        ? {}
        : {
            accessConfigs: (one['accessConfigs'] as Body[]).map((config) =>
              accessConfigOf(world, region, config),
            ),
          }),
    }
  })
}

/** An external address of an interface: one that is given and free, or any. */
export function accessConfigOf(world: World, region: string, config: Body): Body {
  if ((config['type'] ?? 'ONE_TO_ONE_NAT') !== 'ONE_TO_ONE_NAT')
    throw new Refusal(400, 'invalid', `Invalid value for field 'type': '${String(config['type'])}'.`)
  const given = config['natIP']
  if (typeof given === 'string') {
    const held = listOf(world.compute, 'addresses').find(
      ({ body, place }) => body['address'] === given && place === region,
    )
    if (!held)
      throw new Refusal(
        400,
        'invalid',
        `Invalid value for field 'resource.networkInterfaces[0].accessConfigs[0].natIP': '${given}'. The specified external IP address '${given}' was not found in region '${region}'.`,
      )
    const user = userOf(world, given)
    if (user) throw inUse(held.path, user.path)
  }
  return {
    kind: 'compute#accessConfig',
    type: 'ONE_TO_ONE_NAT',
    name: config['name'] ?? 'External NAT',
    natIP: given ?? newAddress(world),
    networkTier: config['networkTier'] ?? 'PREMIUM',
  }
}

interface WantedDisk {
  architecture: string | undefined
  make(): Promise<AttachedDisk>
}

function readDisks(world: World, zone: string, vmName: string, sent: unknown): WantedDisk[] {
  const disks = (sent ?? []) as Body[]
  if (disks.filter(({ boot }) => boot === true).length !== 1 || disks[0]?.['boot'] !== true)
    throw new Refusal(
      400,
      'invalid',
      "Invalid value for field 'resource.disks': ''. The first disk must be the one boot disk.",
    )
  return disks.map((disk, index) => {
    const { deviceName = `persistent-disk-${index}`, autoDelete = false, source, initializeParams } = disk
    const common = {
      kind: 'compute#attachedDisk',
      type: 'PERSISTENT',
      mode: 'READ_WRITE',
      interface: 'SCSI',
      boot: index === 0,
      autoDelete: autoDelete === true,
      deviceName: String(deviceName),
      ...pick(disk, ['diskEncryptionKey']),
    }
    if (source !== undefined) {
      const found = resolve(world.compute, source, 'disks', `resource.disks[${index}].source`)
      const [user] = usersOf(world, found)
      if (user) throw inUse(found.path, user.path)
      return {
        architecture: found.body['architecture'] as string | undefined,
        make: () =>
          Promise.resolve({
            ...common,
            source: found.path,
            diskSizeGb: found.body['sizeGb'],
            ...pick(found.body, ['guestOsFeatures', 'architecture']),
          }),
      }
    }
    const params = (initializeParams ?? {}) as Body
    const image = params['sourceImage'] === undefined ? undefined : imageNamed(world, params['sourceImage'])
    if (index === 0 && !image && params['sourceSnapshot'] === undefined)
      throw new Refusal(
        400,
        'invalid',
        "Invalid value for field 'resource.disks[0]': The boot disk must have a source image, snapshot or disk.",
      )
    const name = nameIn({ name: params['diskName'] ?? (index === 0 ? vmName : `${vmName}-${index}`) })
    mustBeFree(world, pathOf(world.compute, { collection: 'disks', place: zone, name }))
    return {
      architecture: image?.body['architecture'] as string | undefined,
      async make() {
        const made = await makeDisk(world, zone, name, {
          ...params,
          ...(params['diskSizeGb'] === undefined ? {} : { sizeGb: params['diskSizeGb'] }),
          ...(params['diskType'] === undefined ? {} : { type: params['diskType'] }),
          ...pick(disk, ['diskEncryptionKey']),
        })
        return {
          ...common,
          source: made.path,
          diskSizeGb: made.body['sizeGb'],
          ...pick(made.body, ['guestOsFeatures', 'architecture']),
        }
      },
    }
  })
}

function subnetOf(world: World, region: string, one: Body): Thing {
  if (one['subnetwork'] !== undefined) {
    const subnet = resolve(
      world.compute,
      one['subnetwork'],
      'subnetworks',
      'resource.networkInterfaces[0].subnetwork',
    )
    if (subnet.place === region) return subnet
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'resource.networkInterfaces[0].subnetwork': '${subnet.path}'. The referenced subnetwork resource is of another region.`,
    )
  }
  const network = resolve(
    world.compute,
    one['network'] ?? 'global/networks/default',
    'networks',
    'resource.networkInterfaces[0].network',
  )
  const subnet = listOf(world.compute, 'subnetworks').find(
    ({ body, place }) => body['network'] === network.path && place === region,
  )
  if (subnet && network.body['autoCreateSubnetworks'] === true) return subnet
  throw new Refusal(
    400,
    'invalid',
    "Invalid value for field 'resource.networkInterfaces[0]': Subnetwork should be specified for custom subnetmode network",
  )
}

function addressIn(world: World, subnet: Thing): string {
  const [base = '10.0.0.0'] = String(subnet.body['ipCidrRange']).split('/')
  const number = world.compute.nextSeq()
  const [a, b, c] = base.split('.').map(Number)
  return `${a}.${b}.${(c ?? 0) + ((number >> 8) & 3)}.${number & 255}`
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

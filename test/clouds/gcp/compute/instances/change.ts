import { changing } from '#test/clouds/gcp/compute/operations.ts'
import { pick, usersOf } from '#test/clouds/gcp/compute/disks.ts'
import type { ComputeAsk, Handlers } from '#test/clouds/gcp/compute/handler.ts'
import { accessConfigOf } from '#test/clouds/gcp/compute/instances/interfaces.ts'
import { checkMetadata } from '#test/clouds/gcp/compute/instances/metadata.ts'
import { disksOf } from '#test/clouds/gcp/compute/instances/state.ts'
import { machineTypeOf, regionOf } from '#test/clouds/gcp/compute/places.ts'
import { checkFingerprint, found, inUse, notReady, setLabels } from '#test/clouds/gcp/compute/things.ts'
import { fingerprintOf, resolve, type Body, type Thing } from '#test/clouds/gcp/compute/world.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'

/** What can be changed of an instance. */
export const changeHandlers: Handlers = {
  'compute.instances.setLabels': setLabels('instances', 'instance'),
  'compute.instances.setMetadata': (ask) =>
    changing(ask, 'setMetadata', () => {
      const instance = found(ask, 'instances', 'instance')
      const { fingerprint, items = [] } = ask.body
      checkFingerprint(fingerprint, metadataFingerprint(instance), 'Metadata')
      checkMetadata(ask.body)
      instance.body['metadata'] = { items }
      return { target: instance }
    }),
  'compute.instances.setTags': (ask) =>
    changing(ask, 'setTags', () => {
      const instance = found(ask, 'instances', 'instance')
      checkFingerprint(
        ask.body['fingerprint'],
        fingerprintOf((instance.body['tags'] as Body | undefined)?.['items'] ?? []),
        'Tags',
      )
      instance.body['tags'] = { items: ask.body['items'] ?? [] }
      return { target: instance }
    }),
  'compute.instances.setMachineType': (ask) =>
    changing(ask, 'setMachineType', () => {
      const instance = found(ask, 'instances', 'instance')
      const type = machineTypeOf(ask.body['machineType'])
      if (instance.life.state() !== 'TERMINATED')
        throw new Refusal(
          400,
          'resourceNotReady',
          `Invalid resource state for '${instance.path}': the machine type can only be changed while the instance is stopped.`,
        )
      if (type.architecture !== machineTypeOf(instance.body['machineType']).architecture)
        throw new Refusal(
          400,
          'invalid',
          `The machine type ${type.name} is of another architecture than the instance's boot disk.`,
        )
      instance.body['machineType'] =
        `projects/${ask.world.project}/zones/${instance.place}/machineTypes/${type.name}`
      return { target: instance }
    }),
  'compute.instances.setDiskAutoDelete': (ask) =>
    changing(ask, 'setDiskAutoDelete', () => {
      const instance = found(ask, 'instances', 'instance')
      diskNamed(instance, ask.query.get('deviceName')).autoDelete = ask.query.get('autoDelete') === 'true'
      return { target: instance }
    }),
  'compute.instances.setDeletionProtection': (ask) =>
    changing(ask, 'setDeletionProtection', () => {
      const instance = found(ask, 'instances', 'resource')
      instance.body['deletionProtection'] = ask.query.get('deletionProtection') !== 'false'
      return { target: instance }
    }),
  'compute.instances.attachDisk': (ask) => changing(ask, 'attachDisk', () => attach(ask)),
  'compute.instances.detachDisk': (ask) =>
    changing(ask, 'detachDisk', () => {
      const instance = found(ask, 'instances', 'instance')
      const disk = diskNamed(instance, ask.query.get('deviceName'))
      if (disk.boot && instance.life.state() !== 'TERMINATED')
        throw new Refusal(
          400,
          'invalid',
          `Invalid value for field 'deviceName': The boot disk can only be detached while the instance is stopped.`,
        )
      instance.body['disks'] = disksOf(instance).filter((one) => one !== disk)
      return { target: instance }
    }),
  'compute.instances.addAccessConfig': (ask) =>
    changing(ask, 'addAccessConfig', () => {
      const instance = found(ask, 'instances', 'instance')
      const nic = interfaceNamed(instance, ask.query.get('networkInterface'))
      if (((nic['accessConfigs'] ?? []) as Body[]).length > 0)
        throw new Refusal(
          400,
          'invalid',
          "Invalid value for field 'networkInterface': At most one access config currently supported.",
        )
      nic['accessConfigs'] = [accessConfigOf(ask.world, regionOf(ask.world, instance.place), ask.body)]
      return { target: instance }
    }),
  'compute.instances.deleteAccessConfig': (ask) =>
    changing(ask, 'deleteAccessConfig', () => {
      const instance = found(ask, 'instances', 'instance')
      const nic = interfaceNamed(instance, ask.query.get('networkInterface'))
      const configs = (nic['accessConfigs'] ?? []) as Body[]
      const name = ask.query.get('accessConfig')
      if (!configs.some((config) => config['name'] === name))
        throw new Refusal(
          400,
          'invalid',
          `Invalid value for field 'accessConfig': '${name}'. The specified access config does not exist.`,
        )
      nic['accessConfigs'] = configs.filter((config) => config['name'] !== name)
      return { target: instance }
    }),
}

export const metadataFingerprint = ({ body }: Thing): string =>
  fingerprintOf((body['metadata'] as Body | undefined)?.['items'] ?? [])

function attach(ask: ComputeAsk) {
  const { world, body } = ask
  const instance = found(ask, 'instances', 'instance')
  const state = instance.life.state()
  if (state !== 'RUNNING' && state !== 'TERMINATED') throw notReady(instance.path)
  const disk = resolve(world.compute, body['source'], 'disks', 'resource.source')
  if (disk.place !== instance.place)
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'resource.source': '${disk.path}'. Disk must be in the same zone as the instance.`,
    )
  const [user] = usersOf(world, disk)
  if (user) throw inUse(disk.path, user.path)
  const disks = disksOf(instance)
  const boot = body['boot'] === true
  if (boot && (state !== 'TERMINATED' || disks.some((one) => one.boot)))
    throw new Refusal(
      400,
      'invalid',
      "Invalid value for field 'resource.boot': a boot disk can only be attached to a stopped instance that has none.",
    )
  const deviceName = String(body['deviceName'] ?? `persistent-disk-${disks.length}`)
  if (disks.some((one) => one.deviceName === deviceName))
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'resource.deviceName': '${deviceName}'. The device name is already used.`,
    )
  const attached = {
    kind: 'compute#attachedDisk',
    type: 'PERSISTENT',
    mode: body['mode'] ?? 'READ_WRITE',
    interface: 'SCSI',
    boot,
    autoDelete: body['autoDelete'] === true,
    deviceName,
    source: disk.path,
    diskSizeGb: disk.body['sizeGb'],
    ...pick(disk.body, ['guestOsFeatures', 'architecture']),
    index: boot ? 0 : Math.max(0, ...disks.map(({ index }) => Number(index))) + 1,
  }
  instance.body['disks'] = boot ? [attached, ...disks] : [...disks, attached]
  return { target: instance }
}

function diskNamed(instance: Thing, deviceName: string | null) {
  const disk = disksOf(instance).find((one) => one.deviceName === deviceName)
  if (disk) return disk
  throw new Refusal(
    400,
    'invalid',
    `Invalid value for field 'deviceName': '${deviceName}'. No attached disk found with device name '${deviceName}'`,
  )
}

function interfaceNamed(instance: Thing, name: string | null): Body {
  const nic = (instance.body['networkInterfaces'] as Body[]).find((one) => one['name'] === name)
  if (nic) return nic
  throw new Refusal(
    400,
    'invalid',
    `Invalid value for field 'networkInterface': '${name}'. The specified network interface does not exist.`,
  )
}

import { imageNamed, makeDisk, pick, usersOf } from '#test/clouds/gcp/compute/disks.ts'
import type { AttachedDisk } from '#test/clouds/gcp/compute/instances/state.ts'
import { inUse, mustBeFree, nameIn } from '#test/clouds/gcp/compute/things.ts'
import { pathOf, resolve, type Body } from '#test/clouds/gcp/compute/world.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** A disk of an instance to be: checked, and not yet made. */
export interface WantedDisk {
  architecture: string | undefined
  make(): Promise<AttachedDisk>
}

/** The disks of `instances.insert`. Nothing is made before `make`. @throws Refusal */
export function readDisks(world: World, zone: string, vmName: string, sent: unknown): WantedDisk[] {
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

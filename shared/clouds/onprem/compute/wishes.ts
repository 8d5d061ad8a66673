import { assertCapable } from '#shared/clouds/operations.ts'
import type { Architecture, CreateVm, Firmware } from '#shared/clouds/port.ts'
import { requireVolume } from '#shared/clouds/onprem/compute/find.ts'
import type { Needs, NetworkPlan } from '#shared/clouds/onprem/compute/needs.ts'
import { requireSize, type Size } from '#shared/clouds/onprem/compute/sizes.ts'
import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { encryptionOf } from '#shared/clouds/onprem/volumes/make.ts'
import { gibibyte } from '#shared/clouds/onprem/volumes/refs.ts'

/** What a request for a VM comes down to; everything that it names is there. */
export interface Wishes {
  size: Size
  architecture: Architecture
  firmware: Firmware
  network: NetworkPlan
  publicKeys: string[]
  /** Boot disk first. */
  disks: WishedDisk[]
  image?: Found<'image'>
}

/** A disk to be made of the image's, or one that is there. */
export type WishedDisk =
  | { id: string; fromImage: number; sizeBytes: number; keyName?: string; keyId?: string }
  | { id: string; given: Found<'volume'> }

/** Refuses, without a call, what needs none to be known wrong. @throws CloudError `unsupported` or `invalid_request`. */
export function checkWishes(
  site: Site,
  { capabilities }: Pick<Needs, 'capabilities'>,
  request: CreateVm,
): void {
  if (request.spot?.maxHourlyPrice !== undefined)
    assertCapable('on-premise', capabilities, 'compute.create.spot_price_cap')
  if (request.spot) assertCapable('on-premise', capabilities, 'compute.create.spot')
  if (request.placementGroup !== undefined)
    assertCapable('on-premise', capabilities, 'compute.create.placement_group')
  requireSize(site.settings, operation, request.instanceType)
  encryptionOf(site, operation, 'check', request.encryption)
  keysOf(request.keyPair)
}

/** Looks up what the request names. Changes nothing. */
export async function resolveWishes(
  site: Site,
  needs: Needs,
  id: string,
  request: CreateVm,
): Promise<Wishes> {
  const common = {
    size: requireSize(site.settings, operation, request.instanceType),
    network: await needs.networks.plan(request),
    publicKeys: keysOf(request.keyPair),
  }
  const { boot } = request
  if ('disks' in boot) {
    const { architecture, firmware } = boot
    return {
      ...common,
      architecture,
      firmware,
      disks: await givenDisks(site, id, request.region, boot.disks),
    }
  }
  const image = await needs.images.require(request.region, imageOf(site, boot.image))
  const { architecture, firmware = 'bios' } = image.body
  return { ...common, architecture, firmware, image, disks: imageDisks(site, request, image, boot.diskGib) }
}

const operation = 'compute.create'

async function givenDisks(
  site: Site,
  id: string,
  region: string,
  refs: readonly { id: string }[],
): Promise<WishedDisk[]> {
  const disks = await Promise.all(refs.map((ref) => requireVolume(site, operation, { region, id: ref.id })))
  for (const disk of disks) {
    if (disk.body.vm === id || (disk.body.vm === undefined && disk.body.written !== 'open')) continue
    throw refusal(
      operation,
      `boot.disks: ${disk.id} is ${disk.body.vm === undefined ? 'not sealed' : `attached to the VM ${disk.body.vm}`}.`,
      { code: 'conflict', remedy: 'Give disks that were written and sealed, and are not attached.' },
    )
  }
  return disks.map((given) => ({ id: given.id, given }))
}

function imageDisks(
  site: Site,
  request: CreateVm,
  image: Found<'image'>,
  diskGib: number | undefined,
): WishedDisk[] {
  return image.body.disks.map(({ sizeBytes }, index) => {
    const wished = index === 0 && diskGib !== undefined ? diskGib * gibibyte : undefined
    if (wished !== undefined && wished < sizeBytes)
      throw refusal(
        operation,
        `disk_gib: the image ${image.id} needs ${Math.ceil(sizeBytes / gibibyte)} GiB, not ${diskGib}.`,
        {
          code: 'invalid_request',
          remedy: 'Ask for more, or leave it out.',
        },
      )
    const id = idFor('vol', request.token, `disk-${index}`)
    return {
      id,
      fromImage: index,
      sizeBytes: wished ?? wholeGib(sizeBytes),
      ...encryptionOf(site, operation, id, request.encryption),
    }
  })
}

/** Disks are sold by the GiB elsewhere too, and a guest's first start grows its root to what there is. */
const wholeGib = (bytes: number) => Math.max(1, Math.ceil(bytes / gibibyte)) * gibibyte

function imageOf({ settings }: Site, wished: string | undefined): string {
  const image = wished ?? settings.options.default_image
  if (image !== undefined) return image
  throw refusal(operation, 'image: none is given, and the registration names no default.', {
    code: 'invalid_request',
    remedy: 'Name an image (GET …/images lists them), or set options.default_image.',
  })
}

function keysOf(keyPair: string | undefined): string[] {
  if (keyPair === undefined) return []
  if (openSshKey.test(keyPair)) return [keyPair]
  throw refusal(operation, 'key_pair: it is not a public key; hosts keep no key pairs by name.', {
    code: 'invalid_request',
    remedy: 'Give the public key itself in OpenSSH’s form: ssh-ed25519 AAAA… comment.',
  })
}

const openSshKey =
  /^(ssh-(rsa|ed25519)|ecdsa-sha2-nistp\d{3}|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+=*( [^\r\n]*)?$/

import type { Architecture, CloudRef, Encryption, Firmware, Intent, OwnerTags } from '#shared/clouds/port.ts'
import { orMissing, type GcpClient } from '#shared/clouds/gcp/client.ts'
import { intentKey, imageId, writingPrefix, type Staging } from '#shared/clouds/gcp/disks/staging.ts'
import { gibibyte } from '#shared/clouds/gcp/compute/mapping.ts'
import { nameFor, parseLink } from '#shared/clouds/gcp/names.ts'
import { readKept } from '#shared/clouds/gcp/tags.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'

/** What a disk that waits for its bytes is to become; kept beside them as JSON. */
export interface Written {
  name: string
  sizeBytes: number
  firmware: Firmware
  architecture: Architecture
  keyId?: string
  tags: OwnerTags
}

/** Keeps the intent of a disk, once. The disk's id is that of the image it will be. */
export async function keepIntent(
  staging: Staging,
  request: Intent & {
    region: string
    name: string
    sizeBytes: number
    firmware: Firmware
    architecture: Architecture
    encryption?: Encryption
  },
): Promise<CloudRef> {
  const { region, token, tags, name, sizeBytes, firmware, architecture, encryption } = request
  const written: Written = {
    name,
    sizeBytes,
    firmware,
    architecture,
    ...(encryption?.keyId === undefined ? {} : { keyId: encryption.keyId }),
    tags,
  }
  const image = nameFor(token)
  const bucket = await staging.bucket(region)
  try {
    await staging.objects.put(bucket, intentKey(writingPrefix(image)), Buffer.from(JSON.stringify(written)), {
      contentType: 'application/json',
      metadata: tags,
      ifGenerationMatch: '0',
    })
  } catch (error) {
    if (!(error instanceof CloudError && error.code === 'conflict')) throw error
  }
  return { region, id: imageId(image) }
}

/** What a disk is to become, or undefined if nothing (any more) waits for bytes. */
export async function readIntent(staging: Staging, { region, id }: CloudRef): Promise<Written | undefined> {
  const key = intentKey(writingPrefix(parseLink(id, 'images').name))
  const pieces: Buffer[] = []
  try {
    for await (const piece of staging.objects.read(staging.bucketOf(region), key)) pieces.push(piece)
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
  return JSON.parse(Buffer.concat(pieces).toString()) as Written
}

/** The image of a sealed disk, with the size that was asked for: the image's is of whole GiB. */
export async function findImage(gcp: GcpClient, { id }: CloudRef) {
  const { project = gcp.project, name: image } = parseLink(id, 'images')
  const found = await orMissing(
    gcp.compute('Images', 'compute.images.get', (client, once) => client.get({ project, image }, once)),
  )
  if (!found) return undefined
  const [described] = found
  const sizeBytes = readKept(described.description).sizeBytes ?? Number(described.diskSizeGb ?? 0) * gibibyte
  return { ...described, project, sizeBytes }
}

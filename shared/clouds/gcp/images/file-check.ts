import { CloudError } from '#shared/clouds/errors.ts'
import type { GcsObjects } from '#shared/clouds/gcp/storage/objects.ts'
import type { ImageFormat, ObjectRef } from '#shared/clouds/port.ts'

const sectorBytes = 512

/**
 * Looks whether a file begins, or ends, as its format demands.
 * @throws CloudError `not_found` if there is no such object, `invalid_request` if it is something else.
 */
export async function checkFile(
  objects: GcsObjects,
  { bucket, key }: ObjectRef,
  format: ImageFormat,
): Promise<void> {
  const object = await objects.stat(bucket, key)
  if (object === undefined) throw wrongFile(bucket, key, 'not_found', 'does not exist')
  if (object.sizeBytes < sectorBytes)
    throw wrongFile(bucket, key, 'invalid_request', 'is too small to be a disk')
  const at = async (offset: number) =>
    (await objects.readRange(bucket, key, offset, sectorBytes)).toString('latin1')
  const isIt = await recognise[format]?.(at, object.sizeBytes)
  if (isIt === false) throw wrongFile(bucket, key, 'invalid_request', `is no ${format} file`)
}

type Read = (offset: number) => Promise<string>

const recognise: Partial<Record<ImageFormat, (at: Read, sizeBytes: number) => Promise<boolean>>> = {
  raw: (_, sizeBytes) => Promise.resolve(sizeBytes % sectorBytes === 0),
  qcow2: async (at) => (await at(0)).startsWith('QFI\xfb'),
  vhd: async (at, sizeBytes) => (await at(sizeBytes - sectorBytes)).startsWith('conectix'),
  vhdx: async (at) => (await at(0)).startsWith('vhdxfile'),
  vmdk: async (at) => /^(KDMV|COWD|# Disk DescriptorFile)/.test(await at(0)),
}

const wrongFile = (
  bucket: string,
  key: string,
  code: 'not_found' | 'invalid_request',
  what: string,
): CloudError =>
  new CloudError(`gs://${bucket}/${key} ${what}.`, {
    cloud: 'gcp',
    operation: 'images.importFile',
    code,
    remedy:
      'Check bucket, key and format; a file that was cut off while it was written is to be written anew.',
    details: { field: 'source' },
  })

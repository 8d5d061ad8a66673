import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import type { CloudRef, ImageFormat, ObjectRef } from '#shared/clouds/port.ts'
import { openQcow2 } from '#shared/disks/qcow2.ts'
import { exportFooter } from '#test/clouds/azure/vhd.ts'
import { digestOfBytes, digestOfDisk, type Subject } from '#test/shared/clouds/conformance/subject.ts'

/** A format that the suite can write and read itself: raw, or a fixed VHD, which is raw with a footer. */
export type PlainFormat = 'raw' | 'vhd'

/** The plain format that the cloud's service takes, or gives. */
export function plainFormat(formats: readonly ImageFormat[]): PlainFormat {
  const found = (['vhd', 'raw'] as const).find((format) => formats.includes(format))
  if (found === undefined) throw new Error(`the suite can write none of ${formats.join(', ')}`)
  return found
}

/** The format that the suite reads most cheaply of those that the cloud's service gives: QCOW2 leaves out what nobody wrote. */
export const exportFormat = (formats: readonly ImageFormat[]): PlainFormat | 'qcow2' =>
  formats.includes('qcow2') ? 'qcow2' : plainFormat(formats)

/** Puts the suite's image into the bucket as a file of this format. */
export async function putImageFile(
  { cloud, imagePath }: Subject,
  bucket: CloudRef,
  format: PlainFormat,
): Promise<ObjectRef> {
  const { size } = await stat(imagePath)
  const footer = format === 'vhd' ? exportFooter(size) : Buffer.alloc(0)
  const key = `images/disk.${format}`
  await cloud.storage.objects.write(bucket, {
    key,
    sizeBytes: size + footer.length,
    body: fileThen(imagePath, footer),
  })
  return { region: bucket.region, bucket: bucket.id, key }
}

/** Puts something into the bucket that is no image. */
export async function putBrokenFile(
  { cloud }: Subject,
  bucket: CloudRef,
  format: PlainFormat,
): Promise<ObjectRef> {
  const key = `images/broken.${format}`
  const data = randomBytes(70_000)
  await cloud.storage.objects.write(bucket, { key, sizeBytes: data.length, body: fileThen(undefined, data) })
  return { region: bucket.region, bucket: bucket.id, key }
}

/** What the disk in a file of this format holds; see `digestOfDisk`. */
export async function digestOfImageFile(
  { cloud }: Subject,
  bucket: CloudRef,
  key: string,
  format: PlainFormat | 'qcow2',
): Promise<string> {
  const bytes = await buffer(cloud.storage.objects.read(bucket, { key }))
  if (format === 'qcow2') return digestOfQcow2(bytes)
  if (format === 'raw') return digestOfBytes(bytes)
  const footer = bytes.subarray(-512)
  if (footer.toString('latin1', 0, 8) !== 'conectix' || footer.readUInt32BE(60) !== 2)
    throw new Error(`${key} is not a fixed VHD`)
  return digestOfBytes(bytes.subarray(0, -512))
}

async function digestOfQcow2(bytes: Buffer): Promise<string> {
  const image = await openQcow2((offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)))
  const rest = { granularityBytes: 512, preferredChunkBytes: 2 ** 20, close: () => Promise.resolve() }
  return digestOfDisk({ ...image, ...rest })
}

async function* fileThen(path: string | undefined, end: Buffer): AsyncGenerator<Buffer> {
  if (path !== undefined) yield* createReadStream(path, { highWaterMark: 2 ** 20 })
  if (end.length > 0) yield end
}

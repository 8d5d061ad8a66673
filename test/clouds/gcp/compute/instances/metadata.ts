import type { Body } from '#test/clouds/gcp/compute/world.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'

const mostBytes = 512 * 1024

/** https://cloud.google.com/compute/docs/metadata/setting-custom-metadata#limitations */
export function checkMetadata(metadata: unknown): void {
  const items = ((metadata as Body | undefined)?.['items'] ?? []) as { key?: string; value?: string }[]
  const keys = items.map(({ key = '' }) => key)
  for (const key of keys)
    if (!/^[a-zA-Z0-9-_]{1,128}$/.test(key))
      throw new Refusal(
        400,
        'invalid',
        `Invalid value for field 'metadata.items[0].key': '${key}'. Must be a match of regex '[a-zA-Z0-9-_]{1,128}'`,
      )
  if (new Set(keys).size !== keys.length) throw new Refusal(400, 'invalid', 'Duplicate key in metadata.')
  const sizeBytes = items.reduce(
    (sum, { key = '', value = '' }) => sum + key.length + Buffer.byteLength(value),
    0,
  )
  if (sizeBytes > mostBytes)
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'metadata': The total size of metadata cannot exceed 524288 bytes.`,
    )
  for (const { key, value = '' } of items)
    if (Buffer.byteLength(value) > mostBytes / 2)
      throw new Refusal(400, 'invalid', `Metadata value of ${key} exceeds 262144 bytes.`)
}

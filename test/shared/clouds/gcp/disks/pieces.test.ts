import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createPieceReader, parseDigests, pieceBytes } from '#shared/clouds/gcp/disks/pieces.ts'
import { openParts } from '#test/shared/clouds/gcp/parts.ts'
import { intentOf, newJob } from '#test/shared/clouds/conformance/subject.ts'
import { region } from '#test/shared/clouds/gcp/subject.ts'

/** An exported file of two and a half pieces, with the digests of them. */
async function exported() {
  const parts = await openParts()
  const bucket = 'exports-of-novacron'
  await parts.storage.facet.buckets.create({
    ...intentOf(newJob()),
    region,
    name: bucket,
    versioning: false,
    lifecycle: [],
  })
  const bytes = randomBytes(2.5 * pieceBytes)
  const object = await parts.storage.objects.put(bucket, 'disk.qcow2', bytes)
  const text = [0, 1, 2]
    .map((index) =>
      createHash('sha256')
        .update(bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes))
        .digest('hex'),
    )
    .join('\n')
  const digests = parseDigests(text, bytes.length)
  const readAt = createPieceReader({ objects: parts.storage.objects, bucket, object, digests })
  return { ...parts, bytes, text, readAt }
}

test('a byte that was flipped on the way is an integrity error, and the same read again is right', async () => {
  const { loopback, readAt, bytes } = await exported()
  loopback.inject({ operation: 'storage.objects.get', mode: 'corrupt_read' })
  await expect(readAt(100, 50)).rejects.toMatchObject({ code: 'integrity', retryable: true })
  expect((await readAt(100, 50)).equals(bytes.subarray(100, 150))).toBe(true)
})

test('a read across pieces, and of the shorter last one, gives exactly these bytes, and neighbours cost no call', async () => {
  const { loopback, readAt, bytes } = await exported()
  const begin = pieceBytes - 70_000
  const end = bytes.length
  expect((await readAt(begin, end - begin)).equals(bytes.subarray(begin))).toBe(true)
  const before = loopback.calls().length
  expect((await readAt(end - 512, 512)).equals(bytes.subarray(end - 512))).toBe(true)
  expect(loopback.calls().length).toBe(before)
})

test('a file that was cut, and digests that are not of it, are seen', async () => {
  const { readAt, bytes, text } = await exported()
  await expect(readAt(bytes.length - 10, 20)).rejects.toMatchObject({ code: 'integrity', kind: 'permanent' })
  expect(() => parseDigests(text, bytes.length + pieceBytes)).toThrow(/digests/)
  expect(() => parseDigests(text.slice(1), bytes.length)).toThrow(/digests/)
})

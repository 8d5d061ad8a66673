import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { sha256 } from '#shared/disks/hash.ts'
import { isZero } from '#shared/disks/zeros.ts'

const plain = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

test('digests, on the main thread and off it, are those of SHA-256', async () => {
  const sizes = [0, 1, 4096, 65_536, 65_537, 1 << 20, 3_000_001]
  const contents = sizes.map((size) => randomBytes(size))
  const digests = await Promise.all(contents.map(sha256))
  expect(digests.map((digest) => digest.toString('hex'))).toEqual(contents.map(plain))
})

test('a single bit anywhere makes a buffer not zero', () => {
  for (const size of [0, 1, 511, 262_144, 262_145, 600_000]) {
    const data = Buffer.alloc(size)
    expect(isZero(data)).toBe(true)
    for (const at of [0, size >> 1, size - 1].filter((index) => index >= 0 && index < size)) {
      data[at] = 1
      expect(isZero(data), `${at} of ${size}`).toBe(false)
      data[at] = 0
    }
  }
})

import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { ownBuffer, sha256, sha256Moving } from '#shared/disks/hash.ts'
import { isZero } from '#shared/disks/zeros.ts'

const plain = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

test('digests made on other threads are those of SHA-256, and the bytes come back unchanged', async () => {
  const sizes = [0, 1, 4096, 65_536, 65_537, 1 << 20, 3_000_001]
  const jobs = sizes
    .flatMap((size) => [size, size, size])
    .map(async (size) => {
      const content = randomBytes(size)
      const own = ownBuffer(size)
      content.copy(own)
      const expected = plain(content)
      expect((await sha256(content)).toString('hex')).toBe(expected)
      const { data, digest } = await sha256Moving(own)
      expect(digest.toString('hex')).toBe(expected)
      expect(data.equals(content)).toBe(true)
    })
  await Promise.all(jobs)
})

test('a buffer that is a part of larger memory is never taken away from its owner', async () => {
  const memory = Buffer.alloc(1 << 20, 7)
  const part = memory.subarray(0, 200_000)
  const { digest } = await sha256Moving(part)
  expect(digest.toString('hex')).toBe(plain(part))
  expect(memory.length).toBe(1 << 20)
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

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { vhdChecksum, vhdFooter, vhdGeometry } from '#shared/clouds/azure/disks/vhd.ts'
import { exportFooter, faultOfFooter } from '#test/clouds/azure/vhd.ts'

const mebibyte = 2 ** 20

test.for([20, 21, 1024, 127 * 1024, 2 * 2 ** 20, 32 * 2 ** 20])(
  'the footer of a disk of %i MiB is one that Azure takes',
  (mebibytes) => {
    const sizeBytes = mebibytes * mebibyte
    const footer = vhdFooter({ sizeBytes, uniqueId: randomBytes(16) })
    expect(footer).toHaveLength(512)
    expect(faultOfFooter(footer, sizeBytes)).toBeUndefined()
  },
)

test('the same disk always gets the same footer, another disk another one', () => {
  const uniqueId = randomBytes(16)
  const footer = () => vhdFooter({ sizeBytes: 20 * mebibyte, uniqueId })
  expect(footer().equals(footer())).toBe(true)
  expect(footer().equals(vhdFooter({ sizeBytes: 20 * mebibyte, uniqueId: randomBytes(16) }))).toBe(false)
})

test('the checksum covers every byte but its own', () => {
  const footer = vhdFooter({ sizeBytes: 20 * mebibyte, uniqueId: randomBytes(16) })
  expect(footer.readUInt32BE(64)).toBe(vhdChecksum(footer))
  expect(exportFooter(20 * mebibyte).readUInt32BE(64)).toBe(vhdChecksum(exportFooter(20 * mebibyte)))
  for (const at of [0, 63, 68, 511]) {
    const changed = Buffer.from(footer)
    changed.writeUInt8((changed[at] ?? 0) ^ 1, at)
    expect(faultOfFooter(changed, 20 * mebibyte), `byte ${at}`).toBeDefined()
  }
})

test('the geometry is the largest that fits into the disk, up to its limit of 127 GiB', () => {
  for (const sizeBytes of [20 * mebibyte, 100 * mebibyte, 8 * 2 ** 30, 100 * 2 ** 30]) {
    const { cylinders, heads, sectors } = vhdGeometry(sizeBytes)
    expect(cylinders * heads * sectors * 512).toBeLessThanOrEqual(sizeBytes)
    expect((cylinders + 1) * heads * sectors * 512).toBeGreaterThan(sizeBytes)
    expect(heads).toBeLessThanOrEqual(16)
  }
  expect(vhdGeometry(2 ** 45)).toEqual({ cylinders: 65_535, heads: 16, sectors: 255 })
})

import { createHash, randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CloudRef } from '#shared/clouds/port.ts'
import { intentOf, newJob, removeAll, type Subject } from '#test/shared/clouds/conformance/subject.ts'
import { makeBucket } from '#test/shared/clouds/conformance/things.ts'

const mebibyte = 2 ** 20

/** Objects in a bucket. `subject` is filled before the tests run. */
export function objects(subject: Subject): void {
  describe('objects', () => {
    const job = newJob()
    let bucket: CloudRef
    beforeAll(async () => {
      bucket = await makeBucket(subject, intentOf(job))
    })
    afterAll(() => removeAll(subject, job))

    const put = (key: string, data: Buffer) =>
      subject.cloud.storage.objects.write(bucket, { key, sizeBytes: data.length, body: pieces(data) })
    const keys = async (prefix: string) => {
      const listed = await Array.fromAsync(subject.cloud.storage.objects.list(bucket, { prefix }))
      return listed.map(({ key }) => key)
    }

    test('what is written is read back whole and in part, also when the key needs care', async () => {
      const { objects: own } = subject.cloud.storage
      const data = randomBytes(100_000)
      for (const key of ['plain', 'a b/ü?#%20&=+.txt']) {
        await put(key, data)
        expect((await buffer(own.read(bucket, { key }))).equals(data)).toBe(true)
        const middle = await buffer(own.read(bucket, { key, offset: 70_001, length: 999 }))
        expect(middle.equals(data.subarray(70_001, 71_000))).toBe(true)
        const end = await buffer(own.read(bucket, { key, offset: 99_999 }))
        expect(end.equals(data.subarray(99_999))).toBe(true)
      }
      await put('plain', Buffer.alloc(0))
      expect(await buffer(own.read(bucket, { key: 'plain' }))).toHaveLength(0)
    })

    test('a list keeps to its prefix and tells size and time', async () => {
      const { objects: own } = subject.cloud.storage
      for (const key of ['list/1', 'list/2/deep', 'listed']) await put(key, Buffer.from(key))
      const listed = await Array.fromAsync(own.list(bucket, { prefix: 'list/' }))
      expect(listed.map(({ key, sizeBytes }) => ({ key, sizeBytes }))).toEqual([
        { key: 'list/1', sizeBytes: 6 },
        { key: 'list/2/deep', sizeBytes: 11 },
      ])
      for (const { modifiedAt } of listed)
        expect(Math.abs(Date.now() - modifiedAt.getTime())).toBeLessThan(60_000)
    })

    test('a large object is sent while it is still being read, and comes back in pieces', async () => {
      const { objects: own } = subject.cloud.storage
      const [piece, count] = [randomBytes(mebibyte), 24]
      const sent = createHash('sha256')
      const firstSeq = subject.loopback.calls().at(-1)?.seq ?? 0
      let callsBeforeTheEnd = 0
      async function* body() {
        for (let index = 0; index < count; index++) {
          piece.writeUInt32LE(index)
          sent.update(piece)
          if (index === count - 1)
            callsBeforeTheEnd = subject.loopback.calls().filter(({ seq }) => seq > firstSeq).length
          yield await Promise.resolve(Buffer.from(piece))
        }
      }
      await own.write(bucket, { key: 'large', sizeBytes: count * mebibyte, body: body() })
      expect(callsBeforeTheEnd).toBeGreaterThan(0)

      const received = createHash('sha256')
      let largest = 0
      for await (const part of own.read(bucket, { key: 'large' })) {
        largest = Math.max(largest, part.length)
        received.update(part)
      }
      expect(received.digest('hex')).toBe(sent.digest('hex'))
      expect(largest).toBeLessThanOrEqual(8 * mebibyte)
    })

    test('a body of another size than was said makes no object', async () => {
      const { objects: own } = subject.cloud.storage
      const write = (sizeBytes: number) =>
        own.write(bucket, { key: 'short', sizeBytes, body: pieces(randomBytes(1000)) })
      await expect(write(1001)).rejects.toThrow(/\S/)
      await expect(write(999)).rejects.toThrow(/\S/)
      expect(await keys('short')).toEqual([])
    })

    test('a body that fails makes no object, and its error is the caller’s', async () => {
      const { objects: own } = subject.cloud.storage
      async function* body() {
        yield await Promise.resolve(randomBytes(10 * mebibyte))
        throw new Error('the disk went away')
      }
      const write = own.write(bucket, { key: 'failed', sizeBytes: 20 * mebibyte, body: body() })
      await expect(write).rejects.toThrow('the disk went away')
      expect(await keys('failed')).toEqual([])
    })

    test('a deleted object is gone, deleting it again is fine, and reading it is not_found', async () => {
      const { objects: own } = subject.cloud.storage
      await put('gone', Buffer.from('x'))
      await own.delete(bucket, 'gone')
      await own.delete(bucket, 'gone')
      expect(await keys('gone')).toEqual([])
      await expect(buffer(own.read(bucket, { key: 'gone' }))).rejects.toMatchObject({ code: 'not_found' })
    })
  })
}

/** Uneven pieces, as streams give them. */
async function* pieces(data: Buffer) {
  for (let at = 0; at < data.length; at += 60_001) yield await Promise.resolve(data.subarray(at, at + 60_001))
}

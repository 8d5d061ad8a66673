import { CloudError } from '#shared/clouds/errors.ts'
import { ownBuffer } from '#shared/disks/hash.ts'

export interface Piece {
  index: number
  offset: number
  data: Buffer
}

/**
 * A body cut into pieces of `pieceBytes`, the last one shorter. Each has memory of its own, so that several can be on their way.
 * @throws CloudError `invalid_request` if the body is not of exactly `sizeBytes`.
 */
export async function* piecesOf(
  body: AsyncIterable<Buffer>,
  sizeBytes: number,
  pieceBytes: number,
): AsyncGenerator<Piece> {
  const fresh = (offset: number) => ownBuffer(Math.min(pieceBytes, sizeBytes - offset))
  let [index, offset, filled] = [0, 0, 0]
  let data = fresh(0)
  for await (const part of body) {
    if (offset + filled + part.length > sizeBytes) throw otherSize('more', sizeBytes)
    for (let from = 0; from < part.length;) {
      const taken = part.copy(data, filled, from)
      from += taken
      filled += taken
      if (filled < data.length) continue
      yield { index, offset, data }
      offset += filled
      index += 1
      filled = 0
      data = fresh(offset)
    }
  }
  if (offset + filled < sizeBytes) throw otherSize('less', sizeBytes)
}

/** Does `work` for each, at most `width` at once. The first failure ends it, once those under way have ended. */
export async function eachOf<T>(
  items: AsyncIterable<T>,
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<void>>()
  try {
    for await (const item of items) {
      const task = work(item).finally(() => underWay.delete(task))
      underWay.add(task)
      if (underWay.size >= width) await Promise.race(underWay)
    }
    await Promise.all(underWay)
  } finally {
    await Promise.allSettled(underWay)
  }
}

const otherSize = (how: string, sizeBytes: number): CloudError =>
  new CloudError(`The object's body is ${how} than the ${sizeBytes} bytes it was said to be.`, {
    cloud: 'azure',
    operation: 'write object',
    code: 'invalid_request',
    remedy: 'Give the exact size with the body.',
    details: { field: 'sizeBytes' },
  })

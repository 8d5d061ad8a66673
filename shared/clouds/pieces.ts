import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudType } from '#shared/clouds/port.ts'

/**
 * A body cut into pieces of `pieceBytes`, the last one shorter; numbered from 1.
 * @param writing who is written to, by which operation: for the error.
 * @throws CloudError `invalid_request` if the body has not exactly `sizeBytes`, before its last piece is given.
 */
export async function* pieces(
  body: AsyncIterable<Buffer>,
  pieceBytes: number,
  sizeBytes: number,
  writing: { cloud: CloudType; operation: string },
): AsyncGenerator<{ number: number; data: Buffer }> {
  let kept: Buffer[] = []
  let [keptBytes, total, number] = [0, 0, 0]
  for await (let chunk of body) {
    total += chunk.length
    if (total > sizeBytes) throw wrongSize(`more than the ${sizeBytes}`, writing)
    while (keptBytes + chunk.length > pieceBytes) {
      const room = pieceBytes - keptBytes
      number += 1
      yield { number, data: Buffer.concat([...kept, chunk.subarray(0, room)], pieceBytes) }
      chunk = chunk.subarray(room)
      kept = []
      keptBytes = 0
    }
    kept.push(chunk)
    keptBytes += chunk.length
  }
  if (total !== sizeBytes) throw wrongSize(`${total}, not the ${sizeBytes}`, writing)
  yield { number: number + 1, data: Buffer.concat(kept, keptBytes) }
}

const wrongSize = (what: string, writing: { cloud: CloudType; operation: string }) =>
  new CloudError(`The object’s body has ${what} bytes that were said.`, {
    ...writing,
    code: 'invalid_request',
    remedy: 'Give sizeBytes as it is.',
  })

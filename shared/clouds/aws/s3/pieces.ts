import { CloudError } from '#shared/clouds/errors.ts'

/**
 * A body cut into pieces of `pieceBytes`, the last one shorter; numbered from 1.
 * @throws CloudError `invalid_request` if the body has not exactly `sizeBytes`, before its last piece is given.
 */
export async function* pieces(
  body: AsyncIterable<Buffer>,
  pieceBytes: number,
  sizeBytes: number,
): AsyncGenerator<{ number: number; data: Buffer }> {
  let kept: Buffer[] = []
  let [keptBytes, total, number] = [0, 0, 0]
  for await (let chunk of body) {
    total += chunk.length
    if (total > sizeBytes) throw wrongSize(`more than the ${sizeBytes}`)
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
  if (total !== sizeBytes) throw wrongSize(`${total}, not the ${sizeBytes}`)
  yield { number: number + 1, data: Buffer.concat(kept, keptBytes) }
}

const wrongSize = (what: string) =>
  new CloudError(`The object’s body has ${what} bytes that were said.`, {
    cloud: 'aws',
    operation: 'PutObject',
    code: 'invalid_request',
    remedy: 'Give sizeBytes as it is.',
  })

import { onTestFinished } from 'vitest'
import { connect, type GcpClient } from '#shared/clouds/gcp/client.ts'
import { parseGcpSettings } from '#shared/clouds/gcp/settings.ts'
import { createStorage, type GcpStorage } from '#shared/clouds/gcp/storage/storage.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import type { StartedCloud } from '#test/clouds/core/types.ts'
import { startGcp, type GcpOptions } from '#test/clouds/gcp/server.ts'
import { settingsFor } from '#test/shared/clouds/gcp/subject.ts'

/** The client and its storage on a loopback Google Cloud that both end with the test. */
export async function openParts(
  options: Partial<GcpOptions> = {},
): Promise<{ loopback: StartedCloud; gcp: GcpClient; storage: GcpStorage }> {
  const dir = await temporaryDir()
  const delaysMs = { operation: 4, vm: 10, snapshot: 10, image: 10, visible: 0, build: 10 }
  const loopback = await startGcp({ dir, boot: false, delaysMs, ...options })
  const gcp = await connect(parseGcpSettings(settingsFor(loopback)))
  onTestFinished(async () => {
    gcp.close()
    await loopback.close()
  })
  return { loopback, gcp, storage: createStorage(gcp) }
}

/** The bytes of an async iterable in one piece. */
export const gather = async (body: AsyncIterable<Uint8Array>): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(body))

/** A body of these bytes in pieces of this size. */
export async function* inPieces(data: Buffer, pieceBytes = 300_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += pieceBytes) {
    await Promise.resolve()
    yield data.subarray(at, at + pieceBytes)
  }
}

import { randomUUID } from 'node:crypto'
import type { GcpClient, Operation } from '#shared/clouds/gcp/client.ts'
import { requestIdFor } from '#shared/clouds/gcp/names.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/**
 * Makes a thing of an intent, and waits until the service has made it or says why not. Its name is derived from the token, so a second one cannot
 * come to be; `requestId` spares the one whose reply was lost. The service remembers a request for an hour, also one that failed: a failure from
 * before this call is asked for anew.
 * @param send makes the call with the request id that it is given.
 */
export async function insertOnce(
  gcp: GcpClient,
  operation: string,
  token: string,
  send: (requestId: string) => Promise<Operation>,
): Promise<void> {
  try {
    const began = Date.now()
    const started = await send(requestIdFor(token, operation))
    const remembered = Date.parse(started.insertTime ?? '') < began
    const failedEarlier = remembered && started.status === 'DONE' && (started.error?.errors ?? []).length > 0
    await gcp.finished(operation, failedEarlier ? await send(randomUUID()) : started)
  } catch (error) {
    if (!isTaken(error)) throw error
  }
}

/** Does something of this name exist already? Ours: nobody else derives names so. */
export const isTaken = (error: unknown): boolean =>
  error instanceof CloudError &&
  (error.vendorCode === 'alreadyExists' || error.vendorCode === 'RESOURCE_ALREADY_EXISTS')

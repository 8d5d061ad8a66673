import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import type { ComputeServices } from '#shared/clouds/gcp/services.ts'
import { insertOnce } from '#shared/clouds/gcp/compute/insert.ts'
import { runCall } from '#shared/clouds/gcp/compute/change.ts'
import { orMissing, type Operation } from '#shared/clouds/gcp/client.ts'
import type { CallOptions } from 'google-gax'

type Started = Promise<readonly [{ latestResponse: unknown }, ...unknown[]]>

/** Makes a named thing once, and waits until it is there. */
export const insertThing = <Name extends keyof ComputeServices>(
  gcp: GcpClient,
  service: Name,
  operation: string,
  token: string,
  send: (client: ComputeServices[Name], requestId: string, once: CallOptions) => Started,
): Promise<void> =>
  insertOnce(gcp, operation, token, (requestId) =>
    gcp.compute(service, operation, async (client, once) => {
      const [{ latestResponse }] = await send(client, requestId, once)
      return latestResponse as Operation
    }),
  )

/** Deletes a thing, and waits until it is gone. Gone already is fine. */
export async function deleteThing<Name extends keyof ComputeServices>(
  gcp: GcpClient,
  service: Name,
  operation: string,
  send: (client: ComputeServices[Name], once: CallOptions) => Started,
): Promise<void> {
  await orMissing(runCall(gcp, service, operation, send))
}

import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import type { ComputeServices } from '#shared/clouds/gcp/services.ts'
import type { CallOptions } from 'google-gax'

/** All items of all pages of one of the SDK's `…Async` lists. Each page is a call of its own. */
export async function* pages<Name extends keyof ComputeServices, T>(
  gcp: GcpClient,
  service: Name,
  operation: string,
  open: (client: ComputeServices[Name], once: CallOptions) => AsyncIterable<T>,
): AsyncGenerator<T> {
  const iterator = await gcp.compute(service, operation, (client, once) =>
    Promise.resolve(open(client, { ...once, autoPaginate: false })[Symbol.asyncIterator]()),
  )
  for (;;) {
    const next = await gcp.call(operation, () => iterator.next())
    if (next.done) return
    yield next.value
  }
}

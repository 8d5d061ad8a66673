import type { GcpClient, Operation } from '#shared/clouds/gcp/client.ts'
import { isTaken } from '#shared/clouds/gcp/compute/insert.ts'
import { imageId, type Image } from '#shared/clouds/gcp/images/mapping.ts'
import { nameFor, requestIdFor } from '#shared/clouds/gcp/names.ts'
import type { CloudRef } from '#shared/clouds/port.ts'

/**
 * Starts an image and returns once Google has accepted it: copying a disk takes minutes. Its name is derived from the token, so the same intent gives
 * the same image. A running VM's disk is imaged as it is in that moment.
 * `operation` is the task to follow, unless the image is there from an earlier time.
 */
export async function startImage(
  gcp: GcpClient,
  region: string,
  token: string,
  wishes: Image,
): Promise<{ image: CloudRef; operation?: CloudRef }> {
  const name = nameFor(token)
  const request = {
    project: gcp.project,
    requestId: requestIdFor(token, 'compute.images.insert'),
    forceCreate: true,
    imageResource: { name, ...wishes },
  }
  const image = { region, id: imageId(name) }
  try {
    const started = await gcp.compute('Images', 'compute.images.insert', async (client, once) => {
      const [operation] = await client.insert(request, once)
      return operation.latestResponse as unknown as Operation
    })
    if (started.status === 'DONE') await gcp.finished('compute.images.insert', started)
    return { image, operation: { region, id: `global/operations/${started.name ?? ''}` } }
  } catch (error) {
    if (!isTaken(error)) throw error
    return { image }
  }
}

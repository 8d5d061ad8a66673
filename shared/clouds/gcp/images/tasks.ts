import { getBuild } from '#shared/clouds/gcp/builds/builds.ts'
import { orMissing, type GcpClient } from '#shared/clouds/gcp/client.ts'
import { imageId } from '#shared/clouds/gcp/images/mapping.ts'
import { readImage } from '#shared/clouds/gcp/images/reading.ts'
import { lastPart } from '#shared/clouds/gcp/names.ts'
import type { CloudRef, TaskState } from '#shared/clouds/port.ts'

/**
 * How far an import or export is: `builds/{id}` by Cloud Build, `global/operations/{name}` where Compute Engine reads the file itself, or the
 * image that was there already.
 */
export async function taskState(gcp: GcpClient, task: CloudRef): Promise<TaskState | undefined> {
  if (task.id.startsWith('builds/')) return stateOfBuild(gcp, task)
  if (task.id.startsWith('global/operations/')) return stateOfOperation(gcp, task)
  const image = await readImage(gcp, task)
  return (
    image && {
      state: image.state,
      ...(image.state === 'ready' ? { image: { region: task.region, id: image.id } } : {}),
    }
  )
}

async function stateOfBuild(gcp: GcpClient, { region, id }: CloudRef): Promise<TaskState | undefined> {
  const build = await getBuild(gcp, lastPart(id))
  if (build === undefined) return undefined
  const made = build.flags.get('image_name')
  return {
    state: build.state,
    ...(build.progressPercent === undefined ? {} : { progressPercent: build.progressPercent }),
    message: build.message,
    ...(build.state === 'ready' && made !== undefined ? { image: { region, id: imageId(made) } } : {}),
  }
}

async function stateOfOperation(gcp: GcpClient, { region, id }: CloudRef): Promise<TaskState | undefined> {
  const address = { project: gcp.project, operation: lastPart(id) }
  const found = await orMissing(
    gcp.compute('GlobalOperations', 'compute.globalOperations.get', (client, once) =>
      client.get(address, once),
    ),
  )
  if (found === undefined) return undefined
  const [{ status, progress, error, targetLink }] = found
  const errors = error?.errors ?? []
  const progressPercent = progress ?? 0
  if (status !== 'DONE') return { state: 'pending', progressPercent }
  if (errors.length > 0)
    return { state: 'failed', message: errors.map(({ code, message }) => `${code}: ${message}`).join('; ') }
  return { state: 'ready', progressPercent, image: { region, id: imageId(lastPart(targetLink)) } }
}

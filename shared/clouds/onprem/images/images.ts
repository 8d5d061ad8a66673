import type { ImageFormat, ImagesFacet, ObjectsFacet } from '#shared/clouds/port.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { createFromVm } from '#shared/clouds/onprem/images/capture.ts'
import { requireExportable, runExport } from '#shared/clouds/onprem/images/export.ts'
import { toImage, turnOfImage } from '#shared/clouds/onprem/images/files.ts'
import { runImport } from '#shared/clouds/onprem/images/import.ts'
import { deleteImage } from '#shared/clouds/onprem/images/remove.ts'
import { sizeOfObject, stagingFolder } from '#shared/clouds/onprem/images/staging.ts'
import { createTasks } from '#shared/clouds/onprem/images/tasks.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import type { ImageRecord, TaskRecord } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { hasQemuImg } from '#shared/disks/image/qemu-img.ts'

/**
 * Machine images in the pools of hosts, and files of them. Imports and exports run in the worker that follows them (`taskState`), with qemu-img on
 * its machine.
 * @param sliceMs longest that `taskState` waits.
 */
export function createImages(
  site: Site,
  objects: ObjectsFacet,
  options: { sliceMs?: number } = {},
): ImagesFacet & { close(): void } {
  const tasks = createTasks(
    site,
    (task) => (task.record.kind === 'import' ? runImport : runExport)(site, objects, task),
    options,
  )
  const show = async (region: string, id: string, record: ImageRecord) => {
    const pending = record.state === 'pending'
    const working = pending && (await site.homeOf(region).records.held(turnOf(record, id)))
    return toImage({ region, id }, record, working)
  }
  return {
    formats: { import: formats, export: formats },
    async *list({ region }) {
      for await (const { id, body } of site.all('image', region)) yield await show(region, id, body)
    },
    async get({ region, id }) {
      const found = await site.find('image', id, region)
      return found && show(region, id, found.body)
    },
    createFromVm: (request) => createFromVm(site, request),
    async importFile(request) {
      const { source, token, name, tags } = request
      assertReady(site, 'images.importFile')
      await sizeOfObject(objects, 'images.importFile', source)
      const ref = { region: source.region, id: idFor('task', token) }
      return tasks.submit(ref, newTask('import', { name, tags, request }))
    },
    async exportFile(request) {
      const { image, token, tags } = request
      assertReady(site, 'images.exportFile')
      const { name } = await requireExportable(site, request)
      const ref = { region: image.region, id: idFor('task', token) }
      return tasks.submit(ref, newTask('export', { name, tags, request }))
    },
    taskState: (task) => tasks.state(task),
    delete: (ref) => deleteImage(site, ref),
    close: tasks.close,
  }
}

const formats: readonly ImageFormat[] = ['raw', 'vhd', 'vhdx', 'vmdk', 'qcow2', 'ova']

/** An import's is the task's. */
const turnOf = ({ task }: ImageRecord, id: string) => task ?? turnOfImage(id)

const newTask = (
  kind: TaskRecord['kind'],
  { name, tags, request }: Pick<TaskRecord, 'name' | 'tags' | 'request'>,
): TaskRecord => ({ kind, name, tags, request, createdAt: new Date().toISOString(), state: 'pending' })

/** @throws CloudError `unsupported` or `invalid_request`, before anything is made. */
function assertReady(site: Site, operation: string): void {
  stagingFolder(site)
  if (hasQemuImg()) return
  throw refusal(
    operation,
    'Image files are converted by qemu-img, which is not on the machine of the worker.',
    {
      code: 'unsupported',
      remedy: 'Install it where the workers run, with: npm run setup -- --system',
    },
  )
}

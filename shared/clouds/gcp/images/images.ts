import { CloudError } from '#shared/clouds/errors.ts'
import { startBuild } from '#shared/clouds/gcp/builds/builds.ts'
import { exportStep, type ToolFormat } from '#shared/clouds/gcp/builds/tools.ts'
import { orMissing, type GcpClient } from '#shared/clouds/gcp/client.ts'
import { runCall } from '#shared/clouds/gcp/compute/change.ts'
import { createImporter, importFormats } from '#shared/clouds/gcp/images/importing.ts'
import { startImage } from '#shared/clouds/gcp/images/inserting.ts'
import { imageId, toImage } from '#shared/clouds/gcp/images/mapping.ts'
import { isPublic, listRawImages, readImage } from '#shared/clouds/gcp/images/reading.ts'
import { taskState } from '#shared/clouds/gcp/images/tasks.ts'
import { idOf, parseLink } from '#shared/clouds/gcp/names.ts'
import type { GcsObjects } from '#shared/clouds/gcp/storage/objects.ts'
import { keptText, labelsOf } from '#shared/clouds/gcp/tags.ts'
import type { ImageFormat, ImagesFacet } from '#shared/clouds/port.ts'

/** Images of Compute Engine; files of them by Google's tools in Cloud Build. */
export function createImages(gcp: GcpClient, objects: GcsObjects): ImagesFacet {
  return {
    formats: { import: importFormats, export: Object.keys(exportFormats) as ImageFormat[] },

    async *list({ region }) {
      for await (const image of listRawImages(gcp)) {
        if (image.status !== 'DELETING') yield toImage(region, image, await isPublic(gcp, image))
      }
    },

    get: (ref) => readImage(gcp, ref),

    async createFromVm({ token, tags, vm, disks, name }) {
      const [boot, ...more] = disks
      if (boot === undefined || more.length > 0) throw oneDiskOnly(disks.length)
      const description = keptText({ tags, name })
      const { image } = await startImage(gcp, vm.region, token, {
        sourceDisk: idOf(parseLink(boot.id, 'disks')),
        labels: labelsOf(tags),
        ...(description === undefined ? {} : { description }),
      })
      return image
    },

    importFile: createImporter(gcp, objects),

    async exportFile({ token, tags, image, format, target }) {
      const to = exportFormats[format]
      if (to === undefined) throw notGiven(format)
      const { project = gcp.project, name } = parseLink(image.id, 'images')
      const step = exportStep(gcp.settings, {
        image: `projects/${project}/${imageId(name)}`,
        target: `gs://${target.bucket}/${target.key}`,
        format: to,
      })
      const build = await startBuild(gcp, {
        token,
        step,
        owner: tags,
        tags: ['gce-daisy', 'gce-daisy-image-export'],
      })
      return { region: image.region, id: `builds/${build.id}` }
    },

    taskState: (task) => taskState(gcp, task),

    async delete(ref) {
      const { project = gcp.project, name: image } = parseLink(ref.id, 'images')
      await orMissing(
        runCall(gcp, 'Images', 'compute.images.delete', (client, once) =>
          client.delete({ project, image }, once),
        ),
      )
    },
  }
}

/** The tool's VHDs are dynamic ones, which no other cloud imports; so they are not on offer. */
const exportFormats: Readonly<Partial<Record<ImageFormat, ToolFormat>>> = {
  raw: 'raw',
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vhdx: 'vhdx',
}

const notGiven = (format: ImageFormat): CloudError =>
  new CloudError(`Google Cloud's export tool does not write ${format} files.`, {
    cloud: 'gcp',
    operation: 'images.exportFile',
    code: 'unsupported',
    remedy: `Use one of: ${Object.keys(exportFormats).join(', ')}.`,
    details: { field: 'format' },
  })

const oneDiskOnly = (count: number): CloudError =>
  new CloudError(`An image of Google Cloud holds one disk; the VM has ${count}.`, {
    cloud: 'gcp',
    operation: 'images.createFromVm',
    code: 'unsupported',
    remedy: 'Snapshot its other disks, or detach them first.',
    details: { field: 'disks' },
  })

import type { ImageFormat, ImagesFacet } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { findImage, listImages, toImage } from '#shared/clouds/aws/images/describe.ts'
import { exportFile, exportFormats } from '#shared/clouds/aws/images/export.ts'
import { createFromVm } from '#shared/clouds/aws/images/from-vm.ts'
import { importFile, importFormats } from '#shared/clouds/aws/images/import.ts'
import { removeImage } from '#shared/clouds/aws/images/remove.ts'
import { taskState } from '#shared/clouds/aws/images/tasks.ts'

/** Images of EC2, and files of them by VM Import/Export. */
export const createImages = (aws: AwsClients): ImagesFacet => ({
  formats: {
    import: Object.keys(importFormats) as ImageFormat[],
    export: Object.keys(exportFormats) as ImageFormat[],
  },
  async *list({ region }) {
    for await (const image of listImages(aws, region, { Owners: ['self'] })) yield toImage(image, region)
  },
  async get(ref) {
    const image = await findImage(aws, ref)
    return image && toImage(image, ref.region)
  },
  createFromVm: (request) => createFromVm(aws, request),
  importFile: (request) => importFile(aws, request),
  exportFile: (request) => exportFile(aws, request),
  taskState: (task) => taskState(aws, task),
  delete: (ref) => removeImage(aws, ref),
})

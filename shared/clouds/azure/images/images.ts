import type { GalleryImage } from '@azure/arm-compute'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { getVm, readVm, vmTarget } from '#shared/clouds/azure/compute/vms.ts'
import { goneIsFine } from '#shared/clouds/azure/gone.ts'
import { exportState, isExport, startExport } from '#shared/clouds/azure/images/export.ts'
import { startImage } from '#shared/clouds/azure/images/gallery.ts'
import { checkVhd, importState } from '#shared/clouds/azure/images/import.ts'
import { fromManaged, fromVersion, isIn } from '#shared/clouds/azure/images/mapping.ts'
import { imageTarget } from '#shared/clouds/azure/images/targets.ts'
import { groupOf } from '#shared/clouds/azure/storage/places.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudImage, ImageFormat, ImagesFacet } from '#shared/clouds/port.ts'

const formats = ['vhd'] as const satisfies ImageFormat[]

/** Images in Compute Galleries; managed images are listed, read, exported and deleted too, but not made. */
export function createImages(client: AzureClient): ImagesFacet {
  const { galleries, galleryImages, galleryImageVersions, images } = client.compute

  return {
    formats: { import: formats, export: formats },

    async *list({ region }) {
      for await (const gallery of client.pages('Galleries_List', () => galleries.list())) {
        const [group, name] = [groupOf(gallery), gallery.name ?? '']
        for await (const definition of client.pages('GalleryImages_ListByGallery', () =>
          galleryImages.listByGallery(group, name),
        ))
          yield* versionsOf(client, region, { group, gallery: name, definition })
      }
      for await (const image of client.pages('Images_List', () => images.list()))
        if (image.location === region) yield fromManaged(image)
    },

    async get(ref) {
      const target = imageTarget(ref.id)
      const { group } = target
      if (target.kind === 'managed') {
        const found = await client.find('Images_Get', () => images.get(group, target.name))
        return found && fromManaged(found)
      }
      const { gallery, definition, version } = target
      const [of, found] = await Promise.all([
        client.find('GalleryImages_Get', () => galleryImages.get(group, gallery, definition)),
        client.find('GalleryImageVersions_Get', () =>
          galleryImageVersions.get(group, gallery, definition, version),
        ),
      ])
      if (!of || !found || found.provisioningState === 'Deleting') return undefined
      return fromVersion(ref.region, of, found)
    },

    async createFromVm({ vm: ref, token, tags, name }) {
      const vm = await readVm(client, ref)
      if (!vm) throw missing(`VM ${ref.id}`)
      const { architecture, firmware = 'bios' } = vm
      const { securityProfile } = await getVm(client, vmTarget(client, ref))
      const securityType = securityProfile?.securityType
      const image = { token, tags, name, region: ref.region, architecture, firmware }
      return startImage(
        client,
        { ...image, ...(securityType === undefined ? {} : { securityType }) },
        () => ({
          source: { virtualMachineId: vm.id },
        }),
      )
    },

    async importFile({ source, format, ...image }) {
      checkFormat(format, 'take')
      const disk = await checkVhd(client, source)
      return startImage(client, { ...image, region: source.region }, () => ({
        osDiskImage: { source: disk, hostCaching: 'ReadWrite' },
      }))
    },

    async exportFile(request) {
      checkFormat(request.format, 'give')
      return startExport(client, request)
    },

    taskState: (task) => (isExport(task) ? exportState(client, task) : importState(client, task)),

    async delete(ref) {
      const target = imageTarget(ref.id)
      const { group } = target
      if (target.kind === 'managed')
        return goneIsFine(client.finish('Images_Delete', (pace) => images.delete(group, target.name, pace)))
      const { gallery, definition, version } = target
      await goneIsFine(
        client.finish('GalleryImageVersions_Delete', (pace) =>
          galleryImageVersions.delete(group, gallery, definition, version, pace),
        ),
      )
      // A definition of ours was made for this one version; any other may have more.
      const of = await client.find('GalleryImages_Get', () => galleryImages.get(group, gallery, definition))
      if (of?.tags?.['novacron-job'] === undefined) return
      await goneIsFine(
        client.finish('GalleryImages_Delete', (pace) =>
          galleryImages.delete(group, gallery, definition, pace),
        ),
      )
    },
  }
}

async function* versionsOf(
  client: AzureClient,
  region: string,
  { group, gallery, definition }: { group: string; gallery: string; definition: GalleryImage },
): AsyncGenerator<CloudImage> {
  for await (const version of client.pages('GalleryImageVersions_ListByGalleryImage', () =>
    client.compute.galleryImageVersions.listByGalleryImage(group, gallery, definition.name ?? ''),
  )) {
    if (isIn(region, version) && version.provisioningState !== 'Deleting')
      yield fromVersion(region, definition, version)
  }
}

function checkFormat(format: ImageFormat, verb: string): void {
  if (formats.includes(format as 'vhd')) return
  throw new CloudError(`Azure does not ${verb} images in the format "${format}".`, {
    cloud: 'azure',
    operation: verb === 'take' ? 'import image' : 'export image',
    code: 'unsupported',
    remedy: 'Use vhd: fixed, with a size of whole MiB.',
    details: { field: 'format' },
  })
}

const missing = (what: string): CloudError =>
  new CloudError(`There is no ${what}.`, {
    cloud: 'azure',
    operation: 'VirtualMachines_Get',
    code: 'not_found',
  })

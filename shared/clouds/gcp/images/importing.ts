import { CloudError } from '#shared/clouds/errors.ts'
import { startBuild } from '#shared/clouds/gcp/builds/builds.ts'
import { importStep } from '#shared/clouds/gcp/builds/tools.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { checkFile } from '#shared/clouds/gcp/images/file-check.ts'
import { startImage } from '#shared/clouds/gcp/images/inserting.ts'
import { nameFor } from '#shared/clouds/gcp/names.ts'
import type { GcsObjects } from '#shared/clouds/gcp/storage/objects.ts'
import { describe, keptText, labelsOf } from '#shared/clouds/gcp/tags.ts'
import type { ImageFormat, ImagesFacet } from '#shared/clouds/port.ts'

export const importFormats = ['raw', 'vhd', 'vhdx', 'vmdk', 'qcow2'] as const satisfies readonly ImageFormat[]

/**
 * Imports a file as an image, byte for byte. A `.tar.gz` with `disk.raw` is read by Compute Engine itself; any other file by Google's tool in Cloud
 * Build. What the tool would find out after minutes, that the file is not what it is called, is found out before.
 */
export const createImporter =
  (gcp: GcpClient, objects: GcsObjects): ImagesFacet['importFile'] =>
  async ({ token, tags, source, format, name, architecture, firmware }) => {
    if (!(importFormats as readonly string[]).includes(format)) throw notTaken(format)
    const labels = labelsOf(tags)
    if (format === 'raw' && /\.(tar\.gz|tgz)$/.test(source.key)) {
      const description = keptText({ tags, name })
      const { image, operation } = await startImage(gcp, source.region, token, {
        rawDisk: {
          source: `https://storage.googleapis.com/${source.bucket}/${source.key.split('/').map(encodeURIComponent).join('/')}`,
        },
        architecture: architecture === 'arm64' ? 'ARM64' : 'X86_64',
        ...(firmware === 'uefi' ? { guestOsFeatures: [{ type: 'UEFI_COMPATIBLE' }] } : {}),
        labels,
        ...(description === undefined ? {} : { description }),
      })
      return operation ?? image
    }
    if (architecture === 'arm64') throw notArm()
    await checkFile(objects, source, format)
    const step = importStep(gcp.settings, {
      image: nameFor(token),
      source: `gs://${source.bucket}/${source.key}`,
      description: describe({ tags, name }),
      labels,
      uefi: firmware === 'uefi',
    })
    const build = await startBuild(gcp, {
      token,
      step,
      owner: tags,
      tags: ['gce-daisy', 'gce-daisy-image-import'],
    })
    return { region: source.region, id: `builds/${build.id}` }
  }

const notTaken = (format: ImageFormat): CloudError =>
  new CloudError(`Google Cloud's import tool does not read ${format} files.`, {
    cloud: 'gcp',
    operation: 'images.importFile',
    code: 'unsupported',
    remedy: `Use one of: ${importFormats.join(', ')}.`,
    details: { field: 'format' },
  })

const notArm = (): CloudError =>
  new CloudError("Google Cloud's import tool does not read disks of ARM machines.", {
    cloud: 'gcp',
    operation: 'images.importFile',
    code: 'unsupported',
    remedy: 'Give a .tar.gz that holds the raw disk as disk.raw, with format raw.',
    details: { field: 'architecture' },
  })

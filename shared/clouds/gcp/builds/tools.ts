import type { BuildStep } from '#shared/clouds/gcp/builds/builds.ts'
import { toolTimeoutS } from '#shared/clouds/gcp/builds/builds.ts'
import type { GcpSettings } from '#shared/clouds/gcp/settings.ts'

/*
 * Google's own tools that turn images into files and back. They run in Cloud Build, whose service account needs the roles Compute Admin, Service
 * Account User and Storage Admin. https://cloud.google.com/compute/docs/images/export-image,
 * https://cloud.google.com/compute/docs/import/importing-virtual-disks
 */

export const exportTool = 'gcr.io/compute-image-tools/gce_vm_image_export:release'
export const importTool = 'gcr.io/compute-image-tools/gce_vm_image_import:release'

/** Formats as qemu-img calls them, which the export tool runs. */
export type ToolFormat = 'raw' | 'qcow2' | 'vmdk' | 'vhdx' | 'vpc'

/** Writes an image (its name, or `projects/…` path) to an object, e.g. `gs://bucket/disk.qcow2`. */
export const exportStep = (
  settings: GcpSettings,
  { image, target, format }: { image: string; target: string; format: ToolFormat },
): BuildStep => ({
  name: exportTool,
  args: [
    `-timeout=${toolTimeoutS}s`,
    '-client_id=api',
    `-source_image=${image}`,
    `-destination_uri=${target}`,
    `-format=${format}`,
    ...networkFlags(settings),
  ],
})

/** Makes an image of a file in any of those formats; its bytes stay as they are (`-data_disk`: nothing is installed into the guest). */
export const importStep = (
  settings: GcpSettings,
  {
    image,
    source,
    description,
    labels,
    uefi,
  }: { image: string; source: string; description: string; labels: Record<string, string>; uefi: boolean },
): BuildStep => ({
  name: importTool,
  args: [
    `-timeout=${toolTimeoutS}s`,
    '-client_id=api',
    `-image_name=${image}`,
    `-source_file=${source}`,
    '-data_disk',
    `-description=${description}`,
    `-labels=${Object.entries(labels)
      .map((label) => label.join('='))
      .join(',')}`,
    ...(uefi ? ['-uefi_compatible'] : []),
    ...networkFlags(settings),
  ],
})

/** The tools start VMs of their own, by default in the network `default`. */
const networkFlags = ({ options: { network, subnet } }: GcpSettings): string[] => [
  ...(network === undefined ? [] : [`-network=${network}`]),
  ...(subnet === undefined ? [] : [`-subnet=${subnet}`]),
]

import type { CloudImage, CloudRef } from '#shared/clouds/port.ts'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import type { ImageRecord } from '#shared/clouds/onprem/records.ts'

/** The files of an image in a pool, boot disk first. */
export const imageRefs = (id: string, { disks }: Pick<ImageRecord, 'disks'>, pool: string): VolumeRef[] =>
  disks.map(({ keyName }, index) => ({
    pool,
    name: `${id}-${index}.qcow2`,
    format: 'qcow2',
    ...(keyName === undefined ? {} : { keyName }),
  }))

/** A copy of an image: the host that has it, and its files there. Copies on hosts that are registered no more are left out. */
export const copiesOf = (site: Site, id: string, record: ImageRecord): { host: Host; refs: VolumeRef[] }[] =>
  record.copies.flatMap(({ host: name, pool }) => {
    const host = site.byZone(name)
    return host ? [{ host, refs: imageRefs(id, record, pool) }] : []
  })

/** Deletes files, whole or half made. */
export async function deleteFiles({ volumes }: Host, refs: readonly VolumeRef[]): Promise<void> {
  for (const ref of refs) await volumes.delete(ref)
}

/** An image as the port shows it. `working`: somebody makes it; one that is pending without is what a dead worker left. */
export function toImage(
  { region, id }: CloudRef,
  { name, state, architecture, firmware, hardware, disks, tags, createdAt }: ImageRecord,
  working: boolean,
): CloudImage {
  const [boot] = disks
  return {
    region,
    id,
    name,
    state: state === 'pending' && !working ? 'failed' : state,
    architecture,
    ...(firmware === undefined ? {} : { firmware }),
    ...(boot === undefined ? {} : { sizeBytes: boot.sizeBytes }),
    ...(hardware === undefined ? {} : { hardware }),
    public: false,
    tags: { ...tags },
    createdAt: new Date(createdAt),
  }
}

/** The turn of whoever makes an image. */
export const turnOfImage = (id: string): string => `image-${id}`

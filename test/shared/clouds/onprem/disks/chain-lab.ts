import { randomBytes } from 'node:crypto'
import { openSite } from '#shared/clouds/onprem/hosts.ts'
import { parseOnPremSettings } from '#shared/clouds/onprem/settings.ts'
import type { CloudRef, CloudVolume } from '#shared/clouds/port.ts'
import { digestOfDisk, intentOf } from '#test/shared/clouds/conformance/subject.ts'
import { makeVolume } from '#test/shared/clouds/conformance/things.ts'
import type { Opened } from '#test/shared/clouds/onprem/on-qemu.ts'

const mib = 2 ** 20

/** Chains of snapshots of volumes that no VM has, all made for one job. */
export const chainLab = (subject: Opened, job: string) => {
  const take = ({ id, sizeBytes }: CloudVolume): Promise<CloudRef> =>
    subject.cloud.disks.createSnapshot({
      ...intentOf(job),
      region: subject.region,
      disk: { id, sizeBytes },
    })
  /** A volume that is snapshotted, with a MiB of its own written before each. */
  const chainOf = async (count: number) => {
    const volume = await makeVolume(subject, job, { sizeGib: 1 })
    const snapshots: CloudRef[] = []
    for (let index = 0; index < count; index++) {
      await subject.loopback.writeDisk(volume.id, index * 4 * mib, randomBytes(mib))
      snapshots.push(await take(volume))
    }
    return { volume, snapshots }
  }
  const digestOf = async (snapshot: CloudRef): Promise<string> => {
    const source = await subject.cloud.disks.openSnapshot(snapshot)
    const digest = await digestOfDisk(source)
    await source.close()
    return digest
  }
  /** What the hosts have of snapshots: records, and files with what they build on. */
  const kept = async () => {
    const site = await openSite(parseOnPremSettings(subject.settings))
    const host = site.homeOf(subject.region)
    const records = await host.records.list('snapshot')
    const files = (await host.volumes.list('default')).filter(({ name }) => name.startsWith('snap-'))
    site.close()
    return { records, files }
  }
  return { take, chainOf, digestOf, kept }
}

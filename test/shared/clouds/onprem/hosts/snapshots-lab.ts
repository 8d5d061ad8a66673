import { randomBytes } from 'node:crypto'
import { openSite } from '#shared/clouds/onprem/hosts.ts'
import { parseOnPremSettings } from '#shared/clouds/onprem/settings.ts'
import type { CloudRef, CloudVm } from '#shared/clouds/port.ts'
import { digestOfDisk, intentOf, rootOf, runVm } from '#test/shared/clouds/conformance/subject.ts'
import type { Opened } from '#test/shared/clouds/onprem/on-qemu.ts'

const mib = 2 ** 20

/** VMs with snapshots, and what the hosts keep of them. */
export const snapshotsLab = (subject: Opened, job: string) => {
  const { cloud, region, loopback } = subject
  const take = (vm: CloudVm): Promise<CloudRef> =>
    cloud.disks.createSnapshot({ ...intentOf(job), region, vm, disk: rootOf(vm) })
  const write = (vm: CloudVm, atMib: number) =>
    loopback.writeDisk(rootOf(vm).id, atMib * mib, randomBytes(mib))
  /** A chain of snapshots of a VM: before each a MiB is written (at 1, 2, 3 … MiB). */
  const takeChain = async (ref: CloudRef, count: number): Promise<CloudRef[]> => {
    const snapshots: CloudRef[] = []
    for (let index = 1; index <= count; index++) {
      const vm = await cloud.compute.get(ref)
      if (!vm) throw new Error(`there is no VM ${ref.id}`)
      await write(vm, index)
      snapshots.push(await take(vm))
    }
    return snapshots
  }
  /** One that runs on alpha, with such a chain. */
  const vmWithChain = async (count: number) => {
    const vm = await runVm({ ...subject, dialect: { ...subject.dialect, zone: 'alpha' } }, job)
    return { vm, snapshots: await takeChain(vm, count) }
  }
  const digestOf = async (snapshot: CloudRef): Promise<string> => {
    const source = await cloud.disks.openSnapshot(snapshot)
    const digest = await digestOfDisk(source)
    await source.close()
    return digest
  }
  /** Bytes that differ between two snapshots, as far as it is known. */
  const changedBytes = async (base: CloudRef, snapshot: CloudRef): Promise<number> => {
    const source = await cloud.disks.openChanges(base, snapshot)
    let bytes = 0
    for await (const { length } of source.extents()) bytes += length
    await source.close()
    return bytes
  }
  const listed = async (of: readonly CloudRef[]): Promise<string[]> => {
    const all = await Array.fromAsync(cloud.disks.listSnapshots({ region }))
    return all.filter(({ id }) => of.some((each) => each.id === id)).map(({ id }) => id)
  }
  /** What one host has of snapshots and volumes: records, and files with what they build on. */
  const keptAt = async (name: string) => {
    const site = await openSite(parseOnPremSettings(subject.settings))
    try {
      const host = site.byZone(name)
      if (!host) throw new Error(`there is no host ${name}`)
      const [pool] = await host.volumes.pools()
      const files = await host.volumes.list(pool?.name ?? '')
      return {
        snapshots: await host.records.list('snapshot'),
        vms: await host.records.list('vm'),
        files: files.filter((file) => /^(snap|vol|seed)-/.test(file.name)),
      }
    } finally {
      site.close()
    }
  }
  return { take, write, takeChain, vmWithChain, digestOf, changedBytes, listed, keptAt }
}

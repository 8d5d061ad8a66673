import type { protos } from '@google-cloud/compute'
import type { CloudRef, TagChange, VmDisk } from '#shared/clouds/port.ts'
import type { GcpClient, Operation } from '#shared/clouds/gcp/client.ts'
import { keptOf } from '#shared/clouds/gcp/compute/mapping.ts'
import { readInstance } from '#shared/clouds/gcp/compute/vms.ts'
import { idOf, lastPart, parseLink } from '#shared/clouds/gcp/names.ts'
import { keptText, labelsOf, metadataKey, tagsOf } from '#shared/clouds/gcp/tags.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/** Changes the machine type of a stopped VM. */
export async function resizeVm(gcp: GcpClient, ref: CloudRef, instanceType: string): Promise<void> {
  const { place, machineType, status } = await readInstance(gcp, ref)
  if (lastPart(machineType) === instanceType) return
  if (status !== 'TERMINATED')
    throw new CloudError(`The VM ${ref.id} is ${status}; only a stopped VM changes its machine type.`, {
      cloud: 'gcp',
      operation: 'compute.instances.setMachineType',
      code: 'conflict',
      kind: 'retryable',
      remedy: 'Stop it first.',
    })
  const instancesSetMachineTypeRequestResource = {
    machineType: `zones/${place.zone}/machineTypes/${instanceType}`,
  }
  await run(gcp, 'compute.instances.setMachineType', (client, once) =>
    client.setMachineType({ ...place, instancesSetMachineTypeRequestResource }, once),
  )
}

/**
 * Changes tags, labels first. Google takes a whole set with the fingerprint of the one that it replaces: if somebody was quicker, it is read and
 * changed anew.
 */
export async function setVmTags(gcp: GcpClient, ref: CloudRef, change: TagChange): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await setTagsOnce(gcp, ref, change)
    } catch (error) {
      const overtaken = error instanceof CloudError && /^condition_?not_?met$/i.test(error.vendorCode ?? '')
      if (!overtaken || attempt === attemptsAgainstRaces) throw error
    }
  }
}

/** Puts a disk in the place of another, at its device name. */
export async function swapVmDisk(
  gcp: GcpClient,
  ref: CloudRef,
  { disk, replacement }: { disk: VmDisk; replacement: CloudRef },
): Promise<void> {
  const { place, disks } = await readInstance(gcp, ref)
  const there = (disks ?? []).find(({ deviceName }) => deviceName === disk.device)
  const wanted = idOf(parseLink(replacement.id, 'disks'))
  if (there?.source && idOf(parseLink(there.source, 'disks')) === wanted) return
  if (there)
    await run(gcp, 'compute.instances.detachDisk', (client, once) =>
      client.detachDisk({ ...place, deviceName: disk.device }, once),
    )
  const attachedDiskResource = {
    source: wanted,
    deviceName: disk.device,
    boot: disk.boot,
    autoDelete: there?.autoDelete ?? true,
  }
  await run(gcp, 'compute.instances.attachDisk', (client, once) =>
    client.attachDisk({ ...place, attachedDiskResource }, once),
  )
}

const attemptsAgainstRaces = 4
const ownerTags = new Set(['novacron-tenant', 'novacron-job', 'novacron-step'])

async function setTagsOnce(gcp: GcpClient, ref: CloudRef, { set, remove }: TagChange): Promise<void> {
  const instance = await readInstance(gcp, ref)
  const { place, labelFingerprint = '', metadata } = instance
  const kept = keptOf(instance)
  const tags = tagsOf(instance.labels, kept)
  for (const name of remove) if (!ownerTags.has(name)) delete tags[name]
  for (const [name, value] of Object.entries(set)) if (!ownerTags.has(name)) tags[name] = value

  const labels = labelsOf(tags)
  if (!same(labels, instance.labels ?? {})) {
    const instancesSetLabelsRequestResource = { labels, labelFingerprint }
    await run(gcp, 'compute.instances.setLabels', (client, once) =>
      client.setLabels({ ...place, instancesSetLabelsRequestResource }, once),
    )
  }
  const text = keptText({ ...kept, tags })
  const others = (metadata?.items ?? []).filter(({ key }) => key !== metadataKey)
  const before = metadata?.items?.find(({ key }) => key === metadataKey)?.value
  if ((text ?? undefined) === (before ?? undefined)) return
  const metadataResource = {
    fingerprint: metadata?.fingerprint ?? '',
    items: [...others, ...(text === undefined ? [] : [{ key: metadataKey, value: text }])],
  }
  await run(gcp, 'compute.instances.setMetadata', (client, once) =>
    client.setMetadata({ ...place, metadataResource }, once),
  )
}

const same = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([key, value]) => b[key] === value)

type InstanceCall = Parameters<typeof runCall<'Instances'>>[3]

async function run(gcp: GcpClient, operation: string, send: InstanceCall): Promise<void> {
  await runCall(gcp, 'Instances', operation, send)
}

/** Makes a changing call and waits until it has its effect. */
export async function runCall<Name extends Parameters<GcpClient['compute']>[0]>(
  gcp: GcpClient,
  service: Name,
  operation: string,
  send: (
    ...given: Parameters<Parameters<typeof gcp.compute<Name, unknown>>[2]>
  ) => Promise<readonly [{ latestResponse: unknown }, ...unknown[]]>,
): Promise<Operation> {
  const started = await gcp.compute(service, operation, async (client, once) => {
    const [{ latestResponse }] = await send(client, once)
    return latestResponse as protos.google.cloud.compute.v1.IOperation
  })
  return gcp.finished(operation, started)
}

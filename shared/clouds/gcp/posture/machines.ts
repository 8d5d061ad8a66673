import { toVm, type Instance } from '#shared/clouds/gcp/compute/mapping.ts'
import { lastPart } from '#shared/clouds/gcp/names.ts'
import { everyVmGroup } from '#shared/clouds/gcp/posture/groups.ts'
import { toVolume, type Disk } from '#shared/clouds/gcp/storage/volume-mapping.ts'
import type { PostureResource } from '#shared/clouds/port.ts'

/** A VM as checks see it. The metadata server wants a header in every request, and metrics come by the minute, on every VM of Google's. */
export function vmPosture(instance: Instance): PostureResource {
  const { region, id, name, tags, state, publicIp, securityGroups } = toVm(instance)
  const { shieldedInstanceConfig: shielded, deletionProtection } = instance
  const serial = instance.metadata?.items?.find(({ key }) => key === 'serial-port-enable')?.value
  const identity = instance.serviceAccounts?.[0]?.email
  const networks = (instance.networkInterfaces ?? []).map(({ network }) => everyVmGroup(lastPart(network)))
  return {
    kind: 'vm',
    region,
    id,
    name,
    tags,
    running: state === 'running',
    publicIp: publicIp !== undefined,
    securityGroups: [...securityGroups, ...new Set(networks)],
    disksEncrypted: true,
    metadataProtected: true,
    ...(typeof shielded?.enableSecureBoot === 'boolean' ? { secureBoot: shielded.enableSecureBoot } : {}),
    ...(typeof shielded?.enableVtpm === 'boolean' ? { virtualTpm: shielded.enableVtpm } : {}),
    detailedMonitoring: true,
    // A VM that says nothing does as its project says, which the account's own entry tells.
    ...(serial === undefined || serial === null
      ? {}
      : { serialConsoleEnabled: /^(1|true|y|yes)$/i.test(serial) }),
    ...(identity ? { identity } : {}),
    deletionProtected: deletionProtection === true,
  }
}

/** A disk as checks see it. */
export function diskPosture(disk: Disk): PostureResource {
  const { region, id, name, tags, vm } = toVolume(disk)
  const { kmsKeyName, sha256 } = disk.diskEncryptionKey ?? {}
  return {
    kind: 'disk',
    region,
    id,
    name,
    tags,
    encrypted: true,
    customerKey: Boolean(kmsKeyName ?? sha256),
    attached: vm !== undefined,
  }
}

import { randomUUID } from 'node:crypto'
import { accepted, type ArmHandler, type ArmRequest, type Context } from '#test/clouds/azure/context.ts'
import { diskState, findDisk } from '#test/clouds/azure/disks/disks.ts'
import type { Disk, Snapshot } from '#test/clouds/azure/estate.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import { flag, object, oneOf, whole } from '#test/clouds/azure/schema.ts'
import { findSnapshot } from '#test/clouds/azure/disks/snapshots.ts'
import { exportFooter, faultOfFooter } from '#test/clouds/azure/vhd.ts'

const provider = 'Microsoft.Compute'

const grantBody = object(
  'GrantAccessData',
  {
    access: oneOf('None', 'Read', 'Write'),
    durationInSeconds: whole(1, 4_294_967_295),
    getSecureVMGuestStateSAS: flag,
    fileFormat: oneOf('VHD', 'VHDX'),
  },
  ['access', 'durationInSeconds'],
)

/** beginGetAccess of a disk: reading while no VM has it, writing while it is to be uploaded. One signature at a time. */
export const grantDisk: ArmHandler = (context, request) => {
  const disk = findDisk(context, request)
  const { access, durationInSeconds } = grantRequest(request)
  refuseSecondGrant(context, disk)
  if (access === 'Write' && disk.upload === 'none') {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `Write access is granted to disks created for upload only; disk ${disk.name} is in state ${diskState(disk)}.`,
    )
  }
  if (access === 'Read' && (disk.upload !== 'none' || disk.managedBy !== undefined)) {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `Cannot generate a SAS for disk ${disk.name} in state ${diskState(disk)}.`,
    )
  }
  if (access === 'Write') disk.upload = 'active'
  return giveAccess(context, request, disk, access, durationInSeconds)
}

export const grantSnapshot: ArmHandler = (context, request) => {
  const snapshot = findSnapshot(context, request)
  const { access, durationInSeconds } = grantRequest(request)
  refuseSecondGrant(context, snapshot)
  if (access === 'Write')
    throw new Refusal(409, 'OperationNotAllowed', `Write access is not granted to snapshot ${snapshot.name}.`)
  if (snapshot.life.state() !== 'ready')
    throw new Refusal(409, 'OperationNotAllowed', `Snapshot ${snapshot.name} is not ready.`)
  return giveAccess(context, request, snapshot, access, durationInSeconds)
}

/** endGetAccess. Of an upload, Azure now looks at the VHD footer: wrong, and the operation fails and the disk stays an upload. */
export const revokeDisk: ArmHandler = (context, request) => {
  const disk = findDisk(context, request)
  drop(context, disk)
  const fault = disk.upload === 'active' ? faultOfFooter(disk.footer, disk.sizeBytes) : undefined
  if (disk.upload === 'active' && fault === undefined) disk.upload = 'none'
  return accepted(context, request, {
    provider,
    region: disk.location,
    status: 202,
    afterMs: context.delays.access,
    ...(fault === undefined ? {} : { error: { code: 'InvalidVhd', message: fault } }),
  })
}

export const revokeSnapshot: ArmHandler = (context, request) => {
  const snapshot = findSnapshot(context, request)
  drop(context, snapshot)
  return accepted(context, request, {
    provider,
    region: snapshot.location,
    status: 202,
    afterMs: context.delays.access,
  })
}

function grantRequest({ body }: ArmRequest): { access: 'Read' | 'Write'; durationInSeconds: number } {
  grantBody(body, '')
  const { access, durationInSeconds } = body as { access: string; durationInSeconds: number }
  if (access.toLowerCase() === 'none')
    throw new Refusal(
      400,
      'InvalidParameter',
      "The value 'None' of parameter 'access' is not allowed.",
      'access',
    )
  return { access: access.toLowerCase() === 'write' ? 'Write' : 'Read', durationInSeconds }
}

function refuseSecondGrant({ signatures }: Context, thing: Disk | Snapshot): void {
  if (!thing.grant || !signatures.live(thing.grant)) return
  throw new Refusal(
    409,
    'Conflict',
    `Disk ${thing.name} already has an active shared access signature. Call EndGetAccess before granting access again.`,
  )
}

function giveAccess(
  context: Context,
  request: ArmRequest,
  thing: Disk | Snapshot,
  level: 'Read' | 'Write',
  seconds: number,
) {
  if (level === 'Read' && thing.kind === 'disk' && thing.footer.readUInt32BE(0) === 0)
    thing.footer = exportFooter(thing.sizeBytes)
  const account = thing.kind === 'disk' && level === 'Write' ? 'md-impexp' : 'md'
  const grant = context.signatures.grant(
    `/${account}-${thing.uniqueId}/${randomUUID().slice(0, 12)}/abcd`,
    level,
    seconds,
  )
  thing.grant = grant
  return accepted(context, request, {
    provider,
    region: thing.location,
    status: 202,
    afterMs: context.delays.access,
    result: () => ({ accessSAS: grant.url }),
  })
}

function drop({ signatures }: Context, thing: Disk | Snapshot): void {
  if (!thing.grant) return
  signatures.revoke(thing.grant)
  delete thing.grant
}

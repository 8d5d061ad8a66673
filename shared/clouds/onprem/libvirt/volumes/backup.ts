import type { HostVolumes, VolumeRef } from '#shared/clouds/onprem/host.ts'
import { guarded } from '#shared/clouds/onprem/freeze/guard.ts'
import { childrenOf, child, parseXml, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import { createRecords } from '#shared/clouds/onprem/libvirt/records.ts'
import { createTurns } from '#shared/clouds/onprem/turns.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { withCallScope, type CallScope } from '#shared/clouds/scope.ts'
import { ask, checkedName, type VolumesHost } from './base.ts'
import { deviceOf, requireVolume } from './disk.ts'
import { helperDevice, openHelper, type HelperKind } from './helper.ts'
import { makeVolume } from './make.ts'
import { findWhole, making } from './making.ts'
import { forgetCheckpoint, isTracked, track, untrack, type OpenDisk } from './marks.ts'
import { unless } from './pools.ts'
import { push, type Push } from './push.ts'
import { ensureSecret } from './secrets.ts'
import type { FoundVolume } from './volume-xml.ts'

/** See HostVolumes. The same for running machines and, through a helper, for volumes that none runs on. */
export async function backup(
  host: VolumesHost,
  volume: VolumeRef,
  target: VolumeRef,
  { machine, since, onProgress }: Parameters<HostVolumes['backup']>[2],
): ReturnType<HostVolumes['backup']> {
  const content = await requireVolume(host, volume)
  let result = { incremental: false, copiedBytes: 0 }
  // What became of a domain's last job is all that libvirt tells, so until it is asked nobody else may begin one there.
  const alone = <T>(work: () => Promise<T>) =>
    machine === undefined
      ? work()
      : createTurns(createRecords(host), host.name).alone(`backup-${machine}`, work)
  const isNew = await making(host, target, () =>
    alone(() =>
      withDisk(host, volume, { machine, kind: 'write' }, async (disk, domain) => {
        const base = since && (await baseOf(host, disk, since))
        // Before the moment that is copied: what is written in between is copied twice, and never missed.
        await track(host, disk, target.name)
        const copiedBytes = await copyTo(host, target, {
          disk,
          content,
          ...(base && since && { base, since: since.name }),
          ...(domain && hasAgent(domain) && { quiesced: quiescedBy(host, disk.domain) }),
          onProgress,
        })
        // If this is not reached, the next backup does it: it begins with the same marks.
        for (const mark of [target.name, ...(base && since ? [since.name] : [])])
          await forgetCheckpoint(host, disk, mark)
        result = { incremental: base !== undefined, copiedBytes }
      }),
    ),
  )
  if (isNew) return result
  const made = await requireVolume(host, target)
  return { incremental: made.backing !== undefined, copiedBytes: made.allocatedBytes }
}

/** See HostVolumes. */
export async function forgetMark(
  host: VolumesHost,
  volume: VolumeRef,
  mark: string,
  machine: string | undefined,
): Promise<void> {
  if (!(await findWhole(host, volume))) return
  await withDisk(host, volume, { machine, kind: 'write' }, (disk) => untrack(host, disk, mark))
}

/** A volume of its own with the content of another, whatever that builds on. */
export async function copyContent(host: VolumesHost, from: VolumeRef, to: VolumeRef): Promise<void> {
  const content = await requireVolume(host, from)
  await withDisk(host, from, { kind: 'read' }, (disk) => copyTo(host, to, { disk, content }))
}

/** The disk of the machine that runs on a volume, with that machine's domain; else of a helper that is there for as long as `work` takes. */
export async function withDisk<T>(
  host: VolumesHost,
  volume: VolumeRef,
  { machine, kind }: { machine?: string | undefined; kind: HelperKind },
  work: (disk: OpenDisk, domain?: XmlElement) => Promise<T>,
): Promise<T> {
  const running = machine === undefined ? undefined : await runningDomain(host, machine)
  if (machine !== undefined && running) {
    const { path } = await requireVolume(host, volume)
    const device = deviceOf(running, path)
    if (device !== undefined) return work({ domain: machine, device }, running)
  }
  const helper = await openHelper(host, volume, kind)
  try {
    return await work({ domain: helper.domain, device: helperDevice })
  } finally {
    await helper.end()
  }
}

/** What a machine is made of right now; undefined if it does not run. */
export async function runningDomain(host: VolumesHost, machine: string): Promise<XmlElement | undefined> {
  const answer = await ask(host, ['dumpxml', checkedName(machine)], {
    mutating: false,
    resource: machine,
  }).catch(unless('VIR_ERR_NO_DOMAIN'))
  const domain = answer && parseXml(answer.text)
  // Only what has a QEMU has a number.
  return domain?.attributes['id'] === undefined ? undefined : domain
}

/** The earlier backup, if what changed since is still known. */
async function baseOf(host: VolumesHost, disk: OpenDisk, since: VolumeRef): Promise<FoundVolume | undefined> {
  const base = await findWhole(host, since)
  return base && (await isTracked(host, disk, since.name)) ? base : undefined
}

async function copyTo(
  host: VolumesHost,
  target: VolumeRef,
  { content, base, ...work }: Omit<Push, 'target'> & { content: FoundVolume; base?: FoundVolume },
): Promise<number> {
  const { sizeBytes } = content
  await makeVolume(host, target, { sizeBytes, ...(base && { backing: base }) })
  const { path } = await requireVolume(host, target)
  const { format, keyName } = target
  const secret = keyName === undefined ? undefined : await ensureSecret(host, keyName)
  const doneBytes = await push(host, {
    ...work,
    target: { path, format, ...(secret !== undefined && { secret }) },
  })
  const { allocatedBytes } = await requireVolume(host, target)
  // QEMU counts holes, too.
  return Math.min(doneBytes, allocatedBytes)
}

/** Does the guest's agent listen? */
export const hasAgent = (domain: XmlElement): boolean =>
  childrenOf(child(domain, 'devices'), 'channel').some((channel) => {
    const { name, state } = child(channel, 'target')?.attributes ?? {}
    return name === 'org.qemu.guest_agent.0' && state === 'connected'
  })

/**
 * Freezes the guest's file systems around a moment. If its agent does not answer, the copy is as after a power failure. They are let go whatever
 * happens: by this process, by the guard if this one dies, and at last by the next call, which finds them frozen.
 */
const quiescedBy =
  (host: VolumesHost, domain: string): NonNullable<Push['quiesced']> =>
  (begin) =>
    guarded({ program: 'virsh', args: ['-q', '-c', host.uri(), 'domfsthaw', domain] }, async () => {
      const call = { mutating: true, resource: domain }
      // libvirt would wait for the agent's answer for ever.
      await ask(host, ['guest-agent-timeout', domain, '--timeout', `${freezeSeconds}`], call).catch(
        () => undefined,
      )
      const frozen = await ask(host, ['domfsfreeze', domain], call).then(
        () => true,
        () => false,
      )
      try {
        await begin()
      } finally {
        // Also if freezing failed: its answer may be what was lost. Also if the step has ended: a guest must not stay frozen for that.
        await withCallScope(always, () => ask(host, ['domfsthaw', domain], call)).catch((error: unknown) => {
          if (frozen)
            throw refusal(
              'volumes',
              `The file systems of machine ${domain} are frozen and could not be thawed.`,
              {
                code: 'cloud_error',
                kind: 'retryable',
                remedy: `virsh domfsthaw ${domain}`,
                cause: error,
              },
            )
        })
      }
    })

const freezeSeconds = 5

const always: CallScope = { signal: new AbortController().signal, beforeCall: () => undefined }

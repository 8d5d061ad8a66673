import { chown, copyFile, access, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { findUefi, type UefiFirmware } from '#shared/clouds/onprem/qemu/firmware.ts'
import { makeFolderFor, type MachinePaths } from '#shared/clouds/onprem/qemu/layout.ts'
import { machineArguments } from '#shared/clouds/onprem/qemu/machines/arguments.ts'
import type { Launch } from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { readGuestFile } from '#shared/clouds/onprem/qemu/machines/find-process.ts'
import { makeTaps } from '#shared/clouds/onprem/qemu/networks/taps.ts'
import { findPrograms } from '#shared/clouds/onprem/qemu/programs.ts'
import { processOf, startDetached, type ProcessId } from '#shared/clouds/onprem/qemu/process.ts'

/**
 * Starts a machine's process: detached, unprivileged, confined, standing still. Resolves when it listens. A second one for the same machine
 * ends at once, because QEMU locks its pid file before it does anything else.
 * @throws HostError `program_failed` with what QEMU said, `conflict` if there is one already.
 */
export async function launchMachine(
  host: QemuHost,
  spec: MachineSpec,
  { launch, incoming }: { launch: Launch; incoming: boolean },
): Promise<ProcessId> {
  const paths = host.layout.machine(spec.id)
  const programs = await findPrograms(host.runAs)
  const uefi = spec.firmware === 'uefi' ? await findUefi() : undefined
  await makeTaps(host, spec)
  const { runAs } = programs.acceleration
  return await host.gate(
    { operation: 'qemu-system-x86_64', mutating: true, resource: spec.id, timeoutMs: startLimitMs },
    async (signal) => {
      makeFolderFor(paths.run, host.runAs)
      await removeLeftovers(paths)
      if (uefi) await giveVariables(uefi, paths, host)
      const args = machineArguments(spec, { launch, paths, programs, uefi, incoming })
      const { pid, ended } = await startDetached(programs.qemu, args, { runAs, logPath: paths.errors })
      const process = await processOf(pid)
      await listening(paths, ended, signal)
      return process ?? { pid, startedTicks: '' }
    },
  )
}

/** What a process that was killed left. Not its pid file, which the next one locks and writes. */
export async function removeLeftovers(paths: MachinePaths): Promise<void> {
  for (const path of [...paths.sockets, paths.console, paths.errors]) await rm(path, { force: true })
}

/** Of a process that is gone. One that ended in order has removed them. */
export async function removeSockets(paths: MachinePaths): Promise<void> {
  for (const path of [...paths.sockets, paths.pid]) await rm(path, { force: true })
}

/** What a machine's process said to its end, or has said so far. */
export const complaintOf = async ({ errors }: MachinePaths): Promise<string> =>
  (await readGuestFile(errors, 4096))?.toString('utf8').trim() ?? ''

/** The board's variables survive from start to start. */
async function giveVariables(
  { variables }: UefiFirmware,
  { firmwareVariables }: MachinePaths,
  { runAs }: QemuHost,
): Promise<void> {
  const there = await access(firmwareVariables).then(
    () => true,
    () => false,
  )
  if (there) return
  await copyFile(variables, firmwareVariables)
  if (runAs) await chown(firmwareVariables, runAs.uid, runAs.gid)
}

/** The second monitor is the last socket that it opens. */
async function listening(
  paths: MachinePaths,
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>,
  signal: AbortSignal,
): Promise<void> {
  let end: Awaited<typeof ended> | undefined
  void ended.then((how) => (end = how))
  const last = paths.agent
  for (let delayMs = 2; ; delayMs = Math.min(20, delayMs * 1.3)) {
    if (end !== undefined) throw await whyItEnded(paths, end)
    if (
      await access(last).then(
        () => true,
        () => false,
      )
    )
      return
    await sleep(delayMs, undefined, { signal })
  }
}

async function whyItEnded(
  paths: MachinePaths,
  { code, signal }: { code: number | null; signal: NodeJS.Signals | null },
): Promise<HostError> {
  const said = await complaintOf(paths)
  if (/Cannot lock pid file/.test(said))
    return new HostError('conflict', 'another worker is starting this machine')
  return new HostError('program_failed', said === '' ? `QEMU ended with ${code ?? signal}` : said)
}

/** A loaded machine takes seconds where an idle one takes 0.15 s. */
const startLimitMs = 60_000

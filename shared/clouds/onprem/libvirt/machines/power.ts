import type { MachineSpec, MachineState } from '#shared/clouds/onprem/host.ts'
import type { LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import { checkedUuid } from '#shared/clouds/onprem/libvirt/names.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'
import { isError } from '#shared/clouds/onprem/libvirt/volumes/errors.ts'
import { unless } from '#shared/clouds/onprem/libvirt/volumes/pools.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { pause } from '#shared/clouds/scope.ts'
import type { Parts } from './base.ts'
import { ensureConsole, removeConsole } from './console.ts'
import { write } from './define.ts'
import { openForwards } from './forwards.ts'
import { domainOf, findSpec, requireSpec, stateOf, unlessGone } from './look.ts'

/** Running already is fine; a saved one goes on where it was. */
export async function start(parts: Parts, id: string): Promise<void> {
  const { host } = parts
  const spec = await requireSpec(host, id)
  const state = await stateOf(host, id)
  if (state !== 'running') {
    if (state !== 'paused') await bringUp(parts, spec, state)
    await openOrEnd(parts, spec, state)
    // A process that died here has left it paused, which is where the next call goes on.
    await ask(host, ['resume', id], { mutating: true, resource: id }).catch(unlessAlready)
    return
  }
  await openForwards(parts, spec)
}

/** Guest agent, else ACPI again and again, else the power is cut. */
export async function shutdown(parts: Parts, id: string): Promise<void> {
  const { host } = parts
  const untilMs = performance.now() + host.shutdownGraceMs
  let askedMs = -Infinity
  let agentAsked = false
  for (;;) {
    const state = await stateOf(host, id)
    if (state !== 'running' && state !== 'paused') return
    if (state === 'paused' || performance.now() >= untilMs) return powerOff(parts, id)
    if (performance.now() - askedMs >= askAgainMs) {
      // An agent that is there has been told; ACPI is for those that have none, or do not do what they are told.
      agentAsked = !agentAsked && (await askToShutDown(host, id, 'agent'))
      if (!agentAsked) await askToShutDown(host, id, 'acpi')
      askedMs = performance.now()
    }
    await pause(Math.min(pollMs, Math.max(0, untilMs - performance.now())))
  }
}

/** Stopped already is fine. Memory that was kept is forgotten. */
export async function powerOff({ host }: Pick<Parts, 'host'>, id: string): Promise<void> {
  const state = await stateOf(host, id)
  const call = { mutating: true, resource: id }
  if (state === 'running' || state === 'paused')
    // libvirt first asks QEMU to end, which closes its disks in order and keeps their marks, and kills it after 10 s.
    await ask(host, ['destroy', checkedUuid(id)], call).catch(
      unless('VIR_ERR_OPERATION_INVALID', 'VIR_ERR_NO_DOMAIN'),
    )
  if (state === 'saved') await ask(host, ['managedsave-remove', id], call)
}

/** By the guest's agent where it answers, else as by the reset button. */
export async function restart(parts: Parts, id: string): Promise<void> {
  const { host } = parts
  const call = { mutating: true, resource: id }
  const byAgent = await ask(host, ['reboot', '--mode', 'agent', checkedUuid(id)], call).then(
    () => true,
    unlessSilent,
  )
  if (!byAgent) await ask(host, ['reset', id], call)
}

/** Keeps the memory on disk. @throws CloudError `unsupported` for one whose disks are encrypted. */
export async function suspend(parts: Parts, id: string): Promise<void> {
  const { host } = parts
  const spec = await requireSpec(host, id)
  // libvirt writes the memory as it is, with what the guest has read of its encrypted disks. QEMU could keep it in the boot disk's own file,
  // under its key, but 7.2 ends in a failed assertion there (qcow2_co_encdec: QEMU_IS_ALIGNED(len, sector_size)).
  if (spec.disks.some(({ volume }) => volume.keyName !== undefined))
    throw refusal('machines', `Machine ${id} has encrypted disks, and libvirt keeps memory unencrypted.`, {
      code: 'unsupported',
      remedy: 'Stop the VM instead.',
    })
  const state = await stateOf(host, id)
  if (state === 'running' || state === 'paused')
    await ask(host, ['managedsave', '--running', id], { mutating: true, resource: id, timeoutMs: Infinity })
  else if (state !== 'saved')
    throw refusal('machines', `Machine ${id} is not running.`, {
      code: 'conflict',
      remedy: 'Start the VM, then do it again.',
    })
}

/** Removes the machine and what is the machine's own. */
export async function undefine(parts: Parts, id: string): Promise<void> {
  const { host, networks } = parts
  const spec = await findSpec(host, id)
  await powerOff(parts, id)
  // What is written down goes last: until then it can be found, and be removed again.
  await removeConsole(host, id)
  if (spec) await networks.dropFiltersOf(spec)
  await ask(
    host,
    [
      'undefine',
      checkedUuid(id),
      '--managed-save',
      '--snapshots-metadata',
      '--checkpoints-metadata',
      '--nvram',
    ],
    { mutating: true, resource: id },
  ).catch(unlessGone)
}

async function bringUp(parts: Parts, spec: MachineSpec, state: MachineState | undefined): Promise<void> {
  const { host, volumes } = parts
  const { id } = spec
  for (const { volume } of spec.disks) await volumes.release(volume)
  // Anew each time: a restarted daemon has forgotten keys, and files of a chain may have changed.
  await write(parts, spec, await domainOf(host, id))
  await ensureConsole(host, id)
  const timeoutMs = state === 'saved' ? Infinity : startLimitMs
  await ask(host, ['start', '--paused', id], { mutating: true, resource: id, timeoutMs }).catch(unlessAlready)
}

/** Another worker was quicker. */
function unlessAlready(error: unknown): void {
  if (!isError(error, /^VIR_ERR_OPERATION_INVALID$/, /already (active|running)/)) throw error
}

/** A machine that cannot have its forwards does not run, unless it was saved: then that would lose its memory. */
async function openOrEnd(parts: Parts, spec: MachineSpec, state: MachineState | undefined): Promise<void> {
  try {
    await openForwards(parts, spec)
  } catch (error) {
    const call = { mutating: true, resource: spec.id }
    if (state === 'saved') await ask(parts.host, ['resume', spec.id], call)
    else await powerOff(parts, spec.id)
    throw error
  }
}

/** False: nobody listens. */
function askToShutDown(host: LibvirtHost, id: string, mode: 'agent' | 'acpi'): Promise<boolean> {
  const call = { mutating: true, resource: id }
  return ask(host, ['shutdown', '--mode', mode, id], call).then(() => true, unlessSilent)
}

/** It does not listen, or has ended meanwhile. */
function unlessSilent(error: unknown): false {
  const silent =
    /^VIR_ERR_(AGENT_UNRESPONSIVE|AGENT_COMMAND_TIMEOUT|OPERATION_INVALID|OPERATION_TIMEOUT|ARGUMENT_UNSUPPORTED|NO_DOMAIN)$/
  if (isError(error, silent) || isError(error, /./, /[Gg]uest agent/)) return false
  throw error
}

/** Sent the moment a guest comes up a request may be lost, so it is sent again. */
const askAgainMs = 1_000
const pollMs = 100

/** Under load QEMU's first answer may take seconds. */
const startLimitMs = 120_000

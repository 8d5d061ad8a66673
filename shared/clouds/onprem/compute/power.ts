import type { CloudRef } from '#shared/clouds/port.ts'
import { stateOn } from '#shared/clouds/onprem/compute/describe.ts'
import { requireReady } from '#shared/clouds/onprem/compute/find.ts'
import { renewRoom } from '#shared/clouds/onprem/compute/room.ts'
import type { MachineNetworks } from '#shared/clouds/onprem/compute/needs.ts'
import type { MachineState } from '#shared/clouds/onprem/host.ts'
import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import type { VmRecord } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

export interface Power {
  start(ref: CloudRef): Promise<void>
  stop(ref: CloudRef): Promise<void>
  restart(ref: CloudRef): Promise<void>
  suspend(ref: CloudRef): Promise<void>
  resume(ref: CloudRef): Promise<void>
}

/** Switching VMs on and off. When each was on is noted in its record, for the bill. */
export function createPower(site: Site, networks: MachineNetworks): Power {
  /** A saved one goes on where it was, as what it was. */
  const start = async ({ id, body, host }: Found<'vm'>) => {
    const state = await stateOn(host, id)
    if (state === 'stopped' || state === 'crashed') await renewRoom({ id, host })
    await host.machines.start(id)
    await networks.apply(host, id, body)
    await noteOn(host.records, id)
  }
  return {
    async start(ref) {
      await start(await requireReady(site, 'compute.start', ref))
    },
    async stop(ref) {
      const { id, host } = await requireReady(site, 'compute.stop', ref)
      if ((await stateOn(host, id)) === 'saved')
        throw wrongState(
          'compute.stop',
          id,
          'is suspended',
          'Resume it first: stopping it would lose its memory.',
        )
      await host.machines.shutdown(id)
      await noteOff(host.records, id)
    },
    async restart(ref) {
      const { id, host } = await requireReady(site, 'compute.restart', ref)
      if (!on.has((await stateOn(host, id)) ?? 'stopped'))
        throw wrongState('compute.restart', id, 'does not run', 'Start it instead.')
      await host.machines.restart(id)
    },
    async suspend(ref) {
      const { id, host } = await requireReady(site, 'compute.suspend', ref)
      const state = (await stateOn(host, id)) ?? 'stopped'
      if (state !== 'saved' && !on.has(state))
        throw wrongState('compute.suspend', id, 'does not run', 'Only a running VM has a memory to keep.')
      await host.machines.suspend(id)
      await noteOff(host.records, id)
    },
    async resume(ref) {
      const vm = await requireReady(site, 'compute.resume', ref)
      const state = (await stateOn(vm.host, vm.id)) ?? 'stopped'
      if (state !== 'saved' && !on.has(state))
        throw wrongState('compute.resume', vm.id, 'is not suspended', 'Start it instead.')
      await start(vm)
    },
  }
}

/** @throws CloudError `conflict` unless the VM is off, and not suspended. */
export async function requireOff(
  operation: string,
  { id, host }: Pick<Found<'vm'>, 'id' | 'host'>,
): Promise<void> {
  const state = await stateOn(host, id)
  if (state === 'saved')
    throw wrongState(
      operation,
      id,
      'is suspended',
      'Resume it and stop it: what its memory knows must stay true.',
    )
  if (isOn(state)) throw wrongState(operation, id, 'runs', 'Stop it first.')
}

export const wrongState = (operation: string, id: string, what: string, remedy: string) =>
  refusal(operation, `The VM ${id} ${what}.`, { code: 'conflict', remedy })

/** Does it have its memory in a process? */
export const isOn = (state: MachineState | undefined): boolean => state !== undefined && on.has(state)

const on: ReadonlySet<MachineState> = new Set(['running', 'paused'])

type Records = Found<'vm'>['host']['records']

const noteOn = (records: Records, id: string) =>
  records.change('vm', id, (vm): VmRecord => {
    const last = vm.powered.at(-1)
    return last !== undefined && last.off === undefined
      ? vm
      : { ...vm, powered: [...vm.powered, { on: new Date().toISOString() }] }
  })

const noteOff = (records: Records, id: string) =>
  records.change('vm', id, (vm): VmRecord => {
    const last = vm.powered.at(-1)
    if (last === undefined || last.off !== undefined) return vm
    return { ...vm, powered: [...vm.powered.slice(0, -1), { ...last, off: new Date().toISOString() }] }
  })

import { setTimeout as delay } from 'node:timers/promises'
import type { HostMachines } from '#shared/clouds/onprem/host.ts'
import { readGuestConsole } from '#test/clouds/guest/console.ts'

/** @throws Error naming what was waited for, after 20 s. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + 20_000
  while (!(await isSo())) {
    if (performance.now() > untilMs) throw new Error(`Waited 20 s for ${what}.`)
    await delay(10)
  }
}

/** Waits for the boot-sector guest to say that it is up, for the `boots`-th time if that is given. */
export const guestReady = (machines: HostMachines, id: string, boots?: number): Promise<void> =>
  until(`guest ${id} to be ready`, async () => {
    const said = readGuestConsole((await machines.console(id)) ?? '')
    return said?.ready === true && (boots === undefined || said.boots === boots)
  })

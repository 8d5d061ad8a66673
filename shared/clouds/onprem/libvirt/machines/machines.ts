import type { HostMachines, HypervisorHost } from '#shared/clouds/onprem/host.ts'
import type { Parts } from './base.ts'
import { readConsole } from './console.ts'
import { define } from './define.ts'
import { attachDisk, detachDisk } from './disks.ts'
import { setForwards } from './forwards.ts'
import { findSpec, stateOf, statusOfAll } from './look.ts'
import { migrateLive } from './migrate.ts'
import { powerOff, restart, shutdown, start, suspend, undefine } from './power.ts'
import { resize } from './resize.ts'
import { readAddresses, readStats } from './stats.ts'

/** Machines are persistent domains called `nc-<uuid>`; domains of other names are not ours and are left alone. */
export function createMachines(
  parts: Parts,
  partsOf: (host: HypervisorHost) => Parts | undefined,
): HostMachines {
  const { host } = parts
  return {
    define: (spec) => define(parts, spec),
    spec: (id) => findSpec(host, id),
    list: () => statusOfAll(host),
    async status(id) {
      const state = await stateOf(host, id)
      return state && { id, state }
    },
    start: (id) => start(parts, id),
    shutdown: (id) => shutdown(parts, id),
    powerOff: (id) => powerOff(parts, id),
    restart: (id) => restart(parts, id),
    suspend: (id) => suspend(parts, id),
    undefine: (id) => undefine(parts, id),
    resize: (id, size) => resize(parts, id, size),
    attachDisk: (id, disk) => attachDisk(parts, id, disk),
    detachDisk: (id, device) => detachDisk(parts, id, device),
    setForwards: (id, forwards) => setForwards(parts, id, forwards),
    console: (id) => readConsole(host, id),
    stats: (id) => readStats(host, id),
    addresses: (id) => readAddresses(host, id),
    migrateLive: (id, to, options) => migrateLive(parts, id, partsOf(to), options),
  }
}

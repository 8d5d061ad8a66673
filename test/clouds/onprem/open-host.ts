import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGate } from '#shared/clouds/onprem/gate.ts'
import type { HostMachines } from '#shared/clouds/onprem/host.ts'
import { createQemuHost, type QemuHost, type QemuSettings } from '#shared/clouds/onprem/qemu/base.ts'
import { qemuErrorRules } from '#shared/clouds/onprem/qemu/error-rules.ts'
import { createMachines } from '#shared/clouds/onprem/qemu/machines/machines.ts'
import { translated } from '#shared/clouds/onprem/qemu/translated.ts'
import { createCallWatch } from '#shared/clouds/watch.ts'
import { createTap, type Tap } from '#test/clouds/onprem/tap.ts'

/** A host of the qemu driver in a folder of the test's own, behind a tap. */
export interface TestHost {
  host: QemuHost
  machines: HostMachines
  tap: Tap
  /** The same host as another process sees it, which knows nothing but what lies there. */
  again(): TestHost
}

/** A new folder that the guests' user can reach. */
export async function hostFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nc-host-'))
  await chmod(folder, 0o711)
  return folder
}

export function openHostAt(
  folder: string,
  changes: Partial<QemuSettings> & { graceMs?: number } = {},
): TestHost {
  const { graceMs = 300, ...settings } = changes
  const tap = createTap()
  const host = createQemuHost(
    { ...defaults, folder, ...settings },
    {
      name: 'alpha',
      gate: createGate({
        host: 'alpha',
        rules: qemuErrorRules,
        watch: createCallWatch({ absorbMs: 1_000 }),
        requestTimeoutMs: 20_000,
        intercept: tap.interceptorFor('test'),
      }),
      passphrase: (keyName) => Buffer.from(`key of ${keyName}`.padEnd(32, '.')).toString('base64'),
      shutdownGraceMs: graceMs,
      requestTimeoutMs: 20_000,
    },
  )
  return {
    host,
    tap,
    machines: translated(host, createMachines(host)),
    again: () => openHostAt(folder, changes),
  }
}

const defaults: QemuSettings = {
  name: 'alpha',
  location: 'lab',
  capacity: {},
  overcommit: { vcpus: 4, memory: 1 },
  headroom: { vcpus: 1, memory: 1 },
  bridges: [],
  maintenance: false,
  cost: {
    hardware: '0',
    amortise_months: 48,
    power_watts: 0,
    power_price_per_kwh: '0',
    space_per_month: '0',
    memory_share: 0.5,
    storage_per_gib_month: '0',
  },
}

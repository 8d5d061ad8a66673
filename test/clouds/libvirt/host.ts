import { createHash, randomUUID } from 'node:crypto'
import { createGate, type Interceptor } from '#shared/clouds/onprem/gate.ts'
import type { HypervisorHost, MachineSpec, VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { LibvirtContext } from '#shared/clouds/onprem/libvirt/connection.ts'
import { libvirtErrorRules } from '#shared/clouds/onprem/libvirt/error-rules.ts'
import { openLibvirtHost } from '#shared/clouds/onprem/libvirt/libvirt.ts'
import type { HostSettings } from '#shared/clouds/onprem/settings.ts'
import { createCallWatch } from '#shared/clouds/watch.ts'
import { bootSector } from '#test/clouds/guest/boot-sector.ts'
import { readGuestConsole, type GuestBoot } from '#test/clouds/guest/console.ts'

export interface HostOptions {
  uri: string
  pool?: string
  bridges?: string[]
  ssh?: LibvirtContext['ssh']
  intercept?: Interceptor
  shutdownGraceMs?: number
}

/** The whole driver on a daemon, as one worker has it. */
export function openTestHost({
  uri,
  pool = 'default',
  bridges = [],
  ssh,
  intercept,
  shutdownGraceMs = 300,
}: HostOptions): HypervisorHost {
  const gate = createGate({
    host: 'lab',
    rules: libvirtErrorRules,
    watch: createCallWatch({ absorbMs: 1000 }),
    requestTimeoutMs: 30_000,
    ...(intercept && { intercept }),
  })
  const settings: HostSettings = {
    name: 'lab',
    location: 'home',
    uri,
    pools: [{ name: pool }],
    bridges,
    capacity: {},
    overcommit: { vcpus: 4, memory: 1 },
    headroom: { vcpus: 1, memory: 1 },
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
  return openLibvirtHost(settings, {
    name: 'lab',
    gate,
    passphrase: (keyName) => createHash('sha256').update(keyName).digest('base64'),
    shutdownGraceMs,
    requestTimeoutMs: 30_000,
    ...(ssh && { ssh }),
  })
}

/** A volume with the boot-sector guest on it. */
export async function makeBootVolume(host: HypervisorHost, unique: string): Promise<VolumeRef> {
  const disk = Buffer.alloc(1024 * 1024)
  bootSector.copy(disk)
  // What the guest prints, and its boot counter.
  disk.write(unique, 2 * 512, 'ascii')
  disk.write('0000', 3 * 512, 'ascii')
  const ref: VolumeRef = { pool: 'default', name: `boot-${randomUUID()}.raw`, format: 'raw' }
  await host.volumes.writeFile(ref, disk)
  return ref
}

/** A small machine with one user-mode interface. */
export const specFor = (volume: VolumeRef, changes: Partial<MachineSpec> = {}): MachineSpec => ({
  id: randomUUID(),
  name: 'web & <co>',
  vcpus: 1,
  memoryMib: 32,
  maxVcpus: 1,
  maxMemoryMib: 32,
  architecture: 'x86_64',
  firmware: 'bios',
  disks: [{ volume, device: 'vda' }],
  nics: [
    {
      mac: '52:54:00:12:34:56',
      kind: 'user',
      cidr: '10.7.0.0/24',
      address: '10.7.0.77',
      filters: [],
      forwards: [],
    },
  ],
  ...changes,
})

/** Waits until the guest has printed that it is up. @throws Error with what it printed instead. */
export async function booted(
  host: HypervisorHost,
  id: string,
  isIt: (boot: GuestBoot) => boolean = ({ ready }) => ready,
): Promise<GuestBoot> {
  for (let attempt = 0; ; attempt++) {
    const text = (await host.machines.console(id)) ?? ''
    const boot = readGuestConsole(text)
    if (boot && isIt(boot)) return boot
    if (attempt === 200) throw new Error(`The guest of ${id} printed ${JSON.stringify(text)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

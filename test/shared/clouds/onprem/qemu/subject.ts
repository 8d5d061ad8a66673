import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createQemuHost, type QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { openOnPremSubject, region, type Lab, type RunningDisk } from '#test/shared/clouds/onprem/subject.ts'
import { recordsIn, residueOfFolders, residueOfRecords } from '#test/shared/clouds/onprem/residue.ts'

/** Two hosts of the qemu driver on this machine, each with a folder of its own. */
export async function openQemuLab(names: readonly string[] = ['alpha', 'beta']): Promise<Lab> {
  const dir = await mkdtemp(join(tmpdir(), 'nc-lab-'))
  await chmod(dir, 0o711)
  const hosts = names.map((name) => ({ name, location: region, folder: join(dir, name) }))
  return {
    driver: 'qemu',
    hosts,
    writeRunning,
    residue() {
      const records = hosts.flatMap(({ folder }) => residueOfRecords(recordsIn(join(folder, 'records'))))
      const files = hosts.flatMap(({ folder }) =>
        residueOfFolders(['pools/default', 'machines', 's', 'staging'].map((part) => join(folder, part))),
      )
      // An image that exists may be copied to any host, and belongs to none of those that use it.
      const images = records.flatMap(({ kind, id }) => (kind === 'image' ? [id] : []))
      return [
        ...records,
        ...files.filter(({ id }) => !images.some((image) => basename(id).startsWith(image))),
      ]
    },
    async close() {
      await rm(dir, { recursive: true, force: true })
    },
  }
}

export const openSubject = async () =>
  openOnPremSubject(await openQemuLab(), {
    createVmOperation: 'qemu-system-x86_64',
    signIn: ['mkdir'],
    refusals,
  })

const refusals = {
  not_found: [
    { code: 'DeviceNotFound', status: 404 },
    { code: 'not_found', status: 404 },
  ],
  conflict: [
    { code: 'monitor_busy', status: 409 },
    { code: 'guest_running', status: 409 },
  ],
}

/** By QEMU itself, through the machine's own device: what it writes counts as changed, as what the guest writes does. */
async function writeRunning(
  site: Site,
  { host: name, machine, device }: RunningDisk,
  offset: number,
  data: Buffer,
): Promise<void> {
  const host = qemuHostOf(site, name)
  const [pool] = host.layout.pools
  const path = join(pool?.path ?? '', `pattern-${machine}`)
  await writeFile(path, data, { mode: 0o644 })
  try {
    const said = await host.monitor(machine, (monitor) =>
      monitor.execute('human-monitor-command', {
        'command-line': `qemu-io -d /machine/peripheral/${device}/virtio-backend "write -s ${path} ${offset} ${data.length}"`,
      }),
    )
    // What it wrote it says elsewhere; here it only says what went wrong.
    if (String(said).trim() !== '') throw new Error(`qemu-io: ${String(said)}`)
  } finally {
    await rm(path, { force: true })
  }
}

/** A host of a site, to be spoken to directly. */
export function qemuHostOf(site: Site, name: string): QemuHost {
  const host = site.byZone(name)
  if (!host) throw new Error(`there is no host ${name}`)
  return createQemuHost(host.settings, {
    name,
    gate: (_, send) => send(new AbortController().signal),
    passphrase: site.passphrase,
    shutdownGraceMs: 50,
    requestTimeoutMs: 20_000,
  })
}

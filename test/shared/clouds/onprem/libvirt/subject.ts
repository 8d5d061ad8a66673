import { readdirSync, readFileSync } from 'node:fs'
import { chown, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { libvirtOperations } from '#shared/clouds/onprem/capabilities/libvirt.ts'
import { readRecord } from '#shared/clouds/onprem/libvirt/records.ts'
import { openVirsh } from '#shared/clouds/onprem/libvirt/virsh.ts'
import type { RecordKind } from '#shared/clouds/onprem/records.ts'
import { startLibvirtDaemon, type LibvirtDaemon } from '#test/clouds/libvirt/daemon.ts'
import { callsOf } from '#test/shared/clouds/conformance/trace.ts'
import { openOnPremSubject, region, type Lab, type RunningDisk } from '#test/shared/clouds/onprem/subject.ts'
import { residueOfRecords } from '#test/shared/clouds/onprem/residue.ts'

/** Two private daemons, each a host. */
export async function openLibvirtLab(names: readonly string[] = ['alpha', 'beta']): Promise<Lab> {
  const daemons = new Map<string, LibvirtDaemon>()
  for (const name of names) daemons.set(name, await startLibvirtDaemon())
  return {
    driver: 'libvirt',
    hosts: [...daemons].map(([name, { uri, pool }]) => ({
      name,
      location: region,
      uri,
      pools: [{ name: pool }],
    })),
    writeRunning: (_, disk, offset, data) => {
      const daemon = daemons.get(disk.host)
      if (!daemon) throw new Error(`there is no host ${disk.host}`)
      return writeRunning(daemon, disk, offset, data)
    },
    residue: () => [...daemons.values()].flatMap((daemon) => residueOfRecords(recordsOf(daemon))),
    async close() {
      for (const daemon of daemons.values()) await daemon.close()
    },
  }
}

export const openSubject = async () =>
  openOnPremSubject(await openLibvirtLab(), {
    createVmOperation: 'virsh start',
    signIn: [],
    unseen: { 'compute.resume': resuming, 'compute.suspend': {} },
    suspendRefused: 'libvirt would write the memory of encrypted disks’ keys in the clear',
    refusals: {
      auth_failed: [{ code: 'VIR_ERR_AUTH_FAILED', status: 401 }],
      not_found: [
        { code: 'VIR_ERR_NO_DOMAIN', status: 404 },
        { code: 'VIR_ERR_NO_STORAGE_VOL', status: 404 },
      ],
      conflict: [{ code: 'VIR_ERR_OPERATION_INVALID', status: 409 }],
      invalid_request: [{ code: 'VIR_ERR_INVALID_ARG', status: 400 }],
    },
  })

const why = 'its machines are never suspended here, since their disks are encrypted'
const resuming = Object.fromEntries(callsOf(libvirtOperations, 'compute.resume').map((call) => [call, why]))

/** By the guest's own QEMU, through the guest's device: what it writes counts as changed. */
async function writeRunning(
  { uri, poolPath, user }: LibvirtDaemon,
  { machine, device }: RunningDisk,
  offset: number,
  data: Buffer,
): Promise<void> {
  const path = join(poolPath, `pattern-${machine}`)
  await writeFile(path, data)
  if (user) await chown(path, user.uid, user.gid)
  const virsh = openVirsh({ uri, sessions: 1 })
  try {
    const number = (device.codePointAt(2) ?? 0) - 97
    const backend = `/machine/peripheral/virtio-disk${number}/virtio-backend`
    for (const command of [`write -s ${path} ${offset} ${data.length}`, 'flush']) {
      const words = ['qemu-monitor-command', machine, '--hmp', `qemu-io -d ${backend} "${command}"`]
      const { text } = await virsh.run(words)
      if (text.trim() !== '') throw new Error(`qemu-io: ${text}`)
    }
  } finally {
    virsh.close()
    await rm(path, { force: true })
  }
}

/** libvirt keeps secrets, which the records are, as files; the newest generation of each counts. */
const recordsOf =
  ({ folder }: LibvirtDaemon) =>
  (kind: RecordKind): { id: string; text: string }[] => {
    const newest = new Map<string, { number: number; text: string }>()
    for (const file of secretFiles(folder)) {
      const record = readRecord(file)
      if (record?.kind !== kind || (newest.get(record.id)?.number ?? 0) > record.number) continue
      newest.set(record.id, record)
    }
    return [...newest].map(([id, { text }]) => ({ id, text }))
  }

function secretFiles(folder: string): string[] {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return paths
    .filter((path) => path.includes('/secrets/') && path.endsWith('.xml'))
    .flatMap((path) => {
      try {
        return [readFileSync(join(folder, path), 'utf8')]
      } catch {
        // Deleted meanwhile.
        return []
      }
    })
}

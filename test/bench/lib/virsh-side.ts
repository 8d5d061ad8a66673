import { execFile } from 'node:child_process'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openVirsh } from '#shared/clouds/onprem/libvirt/virsh.ts'
import { findLibvirt, startLibvirtDaemon } from '#test/clouds/libvirt/daemon.ts'
import { median } from '#test/bench/lib/result.ts'

/** What the same things cost through libvirt, on a private daemon. */
export interface VirshSide {
  /** A command of a `virsh` process that stays, and of one that is started for it. */
  sessionMs: number
  processMs: number
  startsPerSecond: number
}

/** Undefined where libvirt is not installed. @param disk a small bootable QCOW2 file. */
export async function measureVirsh(disk: string, starts: number): Promise<VirshSide | undefined> {
  const programs = findLibvirt()
  if ('reason' in programs) return undefined
  const daemon = await startLibvirtDaemon()
  const virsh = openVirsh({ uri: daemon.uri, sessions: 1 })
  try {
    const names = Array.from({ length: starts }, (_, index) => `bench-${index}`)
    for (const name of names) {
      const path = join(daemon.poolPath, `${name}.qcow2`)
      await copyFile(disk, path)
      await virsh.run(['define', { content: domainXml(name, path) }])
    }
    const timesOf = async (rounds: number, call: () => Promise<unknown>) => {
      const times: number[] = []
      for (let round = 0; round < rounds; round++) {
        const begunAt = performance.now()
        await call()
        times.push(performance.now() - begunAt)
      }
      return median(times)
    }
    const startTimes: number[] = []
    for (const name of names) {
      const begunAt = performance.now()
      await virsh.run(['start', name])
      startTimes.push(performance.now() - begunAt)
    }
    const [first = ''] = names
    const sessionMs = await timesOf(300, () => virsh.run(['domstate', first]))
    const processMs = await timesOf(20, () =>
      promisify(execFile)(programs.virsh, ['-q', '-c', daemon.uri, 'domstate', first]),
    )
    for (const name of names) await virsh.run(['destroy', name])
    return { sessionMs, processMs, startsPerSecond: 1000 / median(startTimes) }
  } finally {
    virsh.close()
    await daemon.close()
  }
}

const domainXml = (name: string, path: string): string => `<domain type='qemu'>
  <name>${name}</name>
  <memory unit='MiB'>32</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='${path}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <interface type='user'><model type='virtio'/></interface>
    <serial type='null'/>
    <memballoon model='none'/>
  </devices>
</domain>
`

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { onTestFinished, expect, test, type TestContext } from 'vitest'
import type { HypervisorHost, VolumeRef } from '#shared/clouds/onprem/host.ts'
import { openVirsh } from '#shared/clouds/onprem/libvirt/virsh.ts'
import { sha256 } from '#shared/disks/hash.ts'
import { needsRecovery } from '#test/clouds/guest/ext4.ts'
import { findLinuxExtras, findLinuxParts } from '#test/clouds/guest/linux-parts.ts'
import { buildLinuxDisk } from '#test/clouds/guest/linux.ts'
import { findLibvirt, startLibvirtDaemon } from '#test/clouds/libvirt/daemon.ts'
import { openTestHost, specFor } from '#test/clouds/libvirt/host.ts'

const bootMs = 240_000

test(
  'a snapshot of a running machine whose agent answers has a clean file system; if its worker dies while it is frozen, it is thawed',
  { timeout: 2 * bootMs },
  async (context) => {
    const { host, uri, volume, machine, frozen } = await writingMachine(context)
    const target = (name: string): VolumeRef => ({ ...volume, name })
    await host.volumes.backup(volume, target('snap-1.qcow2'), { machine })
    expect(await frozen()).toBe('thawed')
    expect(await needsRecovery(await host.volumes.openSource(target('snap-1.qcow2')))).toBe(false)

    const script = join(import.meta.dirname, 'dying-backup.ts')
    const words = [uri, JSON.stringify(volume), JSON.stringify(target('snap-2.qcow2')), machine]
    const worker = spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
    const said = text(worker.stdout)
    const exited = once(worker, 'exit')
    expect(await exited).toEqual([null, 'SIGKILL'])
    expect(await said).toBe('frozen\n')
    await expect.poll(frozen, { timeout: 30_000 }).toBe('thawed')

    await host.volumes.backup(volume, target('snap-2.qcow2'), { machine })
    expect(await frozen()).toBe('thawed')
    expect(await needsRecovery(await host.volumes.openSource(target('snap-2.qcow2')))).toBe(false)
  },
)

/** The tiny Linux on a libvirt host, and what its agent says of its file systems. */
async function writingMachine(context: TestContext) {
  const [libvirt, parts, extras] = [findLibvirt(), findLinuxParts(), findLinuxExtras()]
  if ('reason' in libvirt) context.skip(libvirt.reason)
  if ('reason' in parts) context.skip(parts.reason)
  if ('reason' in extras) context.skip(extras.reason)
  const dir = await mkdtemp(join(tmpdir(), 'nc-freeze-'))
  const daemon = await startLibvirtDaemon()
  const host = openTestHost({ uri: daemon.uri })
  const virsh = openVirsh({ uri: daemon.uri, sessions: 1 })
  onTestFinished(async () => {
    virsh.close()
    host.close()
    await daemon.close()
    await rm(dir, { recursive: true, force: true })
  })
  const path = join(dir, 'linux.raw')
  await buildLinuxDisk({ path, unique: 'freezes', parts, extras })
  const volume: VolumeRef = { pool: daemon.pool, name: 'vol-linux.qcow2', format: 'qcow2' }
  await fill(host, volume, await readFile(path))
  const spec = specFor(volume, { memoryMib: 512, maxMemoryMib: 512 })
  await host.machines.define(spec)
  await host.machines.start(spec.id)
  const frozen = async () => {
    const command = JSON.stringify({ execute: 'guest-fsfreeze-status' })
    const answer = await virsh.run(['qemu-agent-command', spec.id, command]).catch(() => undefined)
    return answer ? (JSON.parse(answer.text) as { return: string }).return : 'silent'
  }
  await expect.poll(frozen, { timeout: bootMs, interval: 500 }).toBe('thawed')
  return { host, uri: daemon.uri, volume, machine: spec.id, frozen }
}

async function fill(host: HypervisorHost, volume: VolumeRef, content: Buffer): Promise<void> {
  await host.volumes.create(volume, { sizeBytes: content.length })
  const sink = await host.volumes.openSink(volume)
  const pieceBytes = 4 * 2 ** 20
  try {
    for (let offset = 0; offset < content.length; offset += pieceBytes) {
      const data = content.subarray(offset, offset + pieceBytes)
      await sink.write({ offset, data, sha256: await sha256(data) })
    }
  } finally {
    await sink.close()
  }
}

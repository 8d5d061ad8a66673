import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { HostVolumes, VolumeRef } from '#shared/clouds/onprem/host.ts'
import { createVolumes } from '#shared/clouds/onprem/qemu/volumes/volumes.ts'
import { freePort } from '#shared/services/process.ts'
import { runControlPlane } from '#test/clouds/onprem/killed-control-plane.ts'
import type { TestHost } from '#test/clouds/onprem/open-host.ts'
import { needsQemu, openTestHost } from '#test/clouds/onprem/qemu-host.ts'
import { guestMachine, guestVolume } from '#test/clouds/onprem/guest-volume.ts'
import { tracesLeft, tracesOf } from '#test/clouds/onprem/traces.ts'
import { guestReady } from '#test/clouds/onprem/until.ts'

const count = 50
const limitMs = 600_000

/** Some at a time, as several workers would. */
async function each<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>): Promise<void> {
  const waiting = [...items.entries()]
  await Promise.all(
    Array.from({ length: 6 }, async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await work(next[1], next[0])
    }),
  )
}

async function uuidsRunning({ host }: TestHost): Promise<string[]> {
  const { processes } = await tracesOf(host.layout.folder)
  return processes.map((line) => /-uuid (\S+)/.exec(line)?.[1] ?? '').toSorted()
}

/** The number of its next boot, where the boot sector keeps it. */
async function bootsOn(volumes: HostVolumes, ref: VolumeRef): Promise<string> {
  const source = await volumes.openSource(ref)
  try {
    return (await source.read({ offset: 0, length: 4096 })).toString('latin1', 3 * 512, 3 * 512 + 4)
  } finally {
    await source.close()
  }
}

test(
  `${count} guests are started, resized, snapshotted, restored, stopped and deleted, their control plane killed three times, and nothing is left`,
  async (context) => {
    await needsQemu(context)
    const opened = await openTestHost()
    const { machines, host } = opened
    const volumes = createVolumes(host)
    const ids = Array.from({ length: count }, () => randomUUID()).toSorted()
    const before = await tracesOf(host.layout.folder)
    expect(before).toMatchObject({ processes: [], sockets: [], files: [] })

    // Start: killed early, in the middle and late, each time at another point of a start.
    for (const [killAfter, delayMs] of [
      [3, 40],
      [20, 0],
      [38, 130],
    ] as const)
      await runControlPlane(host.layout.folder, ids, { killAfter, delayMs })
    await runControlPlane(host.layout.folder, ids)
    expect(await uuidsRunning(opened)).toEqual(ids)
    await each(ids, (id) => guestReady(machines, id))
    expect(await machines.list()).toEqual(ids.map((id) => ({ id, state: 'running' })))

    // A port for each: what a VM's address leads to.
    const ports: number[] = []
    for (const id of ids.slice(0, 10)) {
      const hostPort = await freePort()
      await machines.setForwards(id, [{ protocol: 'tcp', hostAddress: '127.0.0.1', hostPort, guestPort: 22 }])
      ports.push(hostPort)
    }
    expect((await tracesOf(host.layout.folder, ports)).ports).toHaveLength(10)

    // Snapshot while it runs.
    const volumeOf = async (id: string) => (await machines.spec(id))?.disks[0]?.volume ?? fail(id)
    const snapshotOf = (id: string): VolumeRef => ({
      pool: 'default',
      name: `snap-${id}.qcow2`,
      format: 'qcow2',
    })
    await each(
      ids,
      async (id) => void (await volumes.backup(await volumeOf(id), snapshotOf(id), { machine: id })),
    )

    // Stop (the guest knows no ACPI: by the power), resize, start, restart.
    await each(ids, (id) => machines.shutdown(id))
    expect(await uuidsRunning(opened)).toEqual([])
    await each(ids, async (id) => expect(await machines.resize(id, { vcpus: 2, memoryMib: 48 })).toBe(true))
    await each(ids, async (id) => {
      await machines.start(id)
      await guestReady(machines, id)
      await machines.restart(id)
    })
    expect(await uuidsRunning(opened)).toEqual(ids)
    await each(ids, (id) => machines.powerOff(id))

    // Restore: the disk is what it was at its first boot's snapshot, and boots on from there.
    await each(ids, async (id) => {
      const volume = await volumeOf(id)
      expect(Number(await bootsOn(volumes, volume))).toBeGreaterThan(
        Number(await bootsOn(volumes, snapshotOf(id))),
      )
      await volumes.delete(volume)
      await volumes.copy(snapshotOf(id), volume)
      const boots = Number(await bootsOn(volumes, volume))
      await machines.start(id)
      await guestReady(machines, id, boots)
    })

    // Delete, from another control plane.
    const other = opened.again()
    await each(ids, async (id) => {
      const volume = await volumeOf(id)
      await other.machines.undefine(id)
      await volumes.delete(volume)
      await volumes.delete(snapshotOf(id))
    })
    expect(await tracesLeft(host.layout.folder, ports)).toEqual({
      processes: [],
      sockets: [],
      files: [],
      ports: [],
    })
  },
  limitMs,
)

const starting = [
  'qemu-system-x86_64',
  'qmp_capabilities',
  'blockdev-add',
  'device_add',
  'system_reset',
  'cont',
  'record put',
]

test.for(starting.flatMap((operation) => [1, 2].map((nth) => [operation, nth] as const)))(
  'a start whose reply to %s is lost %i times in a row is taken up by the next, and makes one process',
  async ([operation, times], context) => {
    await needsQemu(context)
    const { machines, host, tap } = await openTestHost()
    const spec = guestMachine(await guestVolume(host, { keyName: 'volume/one' }), {
      nics: [
        {
          mac: '52:54:00:00:00:01',
          kind: 'user',
          filters: [],
          forwards: [
            { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: await freePort(), guestPort: 22 },
          ],
        },
      ],
    })
    await machines.define(spec)
    tap.inject({ operation, mode: 'drop_reply', times })
    const attempts = await Array.fromAsync({ length: times }, () =>
      machines.start(spec.id).then(
        () => 'network',
        (error: unknown) => (error as { code?: string }).code,
      ),
    )
    expect(new Set(attempts)).toEqual(new Set(['network']))
    tap.clearFaults()
    await machines.start(spec.id)
    await guestReady(machines, spec.id)
    expect((await tracesOf(host.layout.folder)).processes).toHaveLength(1)
    await machines.undefine(spec.id)
    expect(await tracesLeft(host.layout.folder)).toMatchObject({ processes: [], sockets: [] })
  },
)

const fail = (id: string): never => {
  throw new Error(`machine ${id} has no volume`)
}

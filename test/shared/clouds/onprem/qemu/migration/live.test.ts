import { createHash, randomUUID } from 'node:crypto'
import { onTestFinished, expect, test, type TestContext } from 'vitest'
import type { MachineSpec, VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { openQemuHost } from '#shared/clouds/onprem/qemu/qemu.ts'
import { createVolumes } from '#shared/clouds/onprem/qemu/volumes/volumes.ts'
import { ticksOn, tickerSector } from '#test/clouds/guest/ticker-sector.ts'
import { guestMachine, guestVolume } from '#test/clouds/onprem/guest-volume.ts'
import type { TestHost } from '#test/clouds/onprem/open-host.ts'
import { needsQemu, openTestHost } from '#test/clouds/onprem/qemu-host.ts'
import { tracesOf } from '#test/clouds/onprem/traces.ts'
import { until } from '#test/clouds/onprem/until.ts'

/** Of the issue: what a guest may stand still, emulated. */
const maxDowntimeMs = 250

test.for([undefined, 'volume/secret'])(
  'a running guest goes on at another host where it was, with its disk (key: %s), and nothing of it stays',
  async (keyName, context) => {
    const world = await twoHosts(context)
    const { spec, at } = await startTicker(world, keyName)
    const { from, to } = world
    await ticking(from, spec.id, 20)
    const progress: number[] = []
    const lastConsole = watchConsole(from, spec.id)
    const moved = await from.machines.migrateLive(spec.id, to.hypervisor, {
      volumes: [at],
      maxDowntimeMs,
      onProgress: (done) => progress.push(done),
    })
    const before = ticksOn(lastConsole())
    expect(moved.downtimeMs).toBeGreaterThan(0)
    expect(moved.downtimeMs).toBeLessThanOrEqual(maxDowntimeMs)
    expect(moved.memoryBytes).toBeGreaterThan(0)
    expect(progress.length).toBeGreaterThan(0)

    expect(await from.machines.status(spec.id)).toBeUndefined()
    expect((await to.machines.status(spec.id))?.state).toBe('running')
    const after = await ticking(to, spec.id, 10)
    expect(before.at(-1)).toBeGreaterThanOrEqual(20)
    // Not one is missing, none came twice.
    expect(after[0]).toBeGreaterThanOrEqual((before.at(-1) ?? 0) + 1)
    expect(after).toEqual(after.map((_, index) => (after[0] ?? 0) + index))

    const traces = await tracesOf(from.host.layout.folder)
    expect({ ...traces, files: traces.files.filter((path) => !path.includes('/records/')) }).toEqual({
      processes: [],
      sockets: [],
      files: [],
      ports: [],
    })
    await to.machines.powerOff(spec.id)
    const last = ticksOn((await to.machines.console(spec.id)) ?? '').at(-1) ?? 0
    const written = await ticksWritten(to.host, at)
    expect(written.last).toBeGreaterThanOrEqual(last)
    expect(written.last).toBeLessThanOrEqual(last + 1)
    // What it wrote before, meanwhile and after is all there.
    for (const [slot, number] of written.slots) expect(number % 256).toBe(slot)
    expect(written.slots.size).toBeGreaterThanOrEqual(Math.min(255, last))
    const marker = await readAt(to.host, at, markerOffset, 16)
    expect(marker.toString('latin1')).toBe('in the far end  ')
  },
)

test('a guest that may not stand still stays where it is and runs on', async (context) => {
  const world = await twoHosts(context)
  const { spec, at } = await startTicker(world)
  const { from, to } = world
  // The switch-over itself is held up for longer than is allowed.
  from.tap.inject({ operation: 'block-job-cancel', mode: 'delay', delayMs: 400 })
  await expect(
    from.machines.migrateLive(spec.id, to.hypervisor, { volumes: [at], maxDowntimeMs }),
  ).rejects.toMatchObject({ code: 'conflict', vendorCode: 'too_busy' })
  expect((await from.machines.status(spec.id))?.state).toBe('running')
  expect(await to.machines.status(spec.id)).toBeUndefined()
  const seen = ticksOn((await from.machines.console(spec.id)) ?? '').length
  await ticking(from, spec.id, seen + 5)
  expect((await tracesOf(to.host.layout.folder)).processes).toEqual([])
})

interface World {
  from: Ends
  to: Ends
}
type Ends = TestHost & { hypervisor: ReturnType<typeof openQemuHost> }

async function twoHosts(context: TestContext): Promise<World> {
  await needsQemu(context)
  const [from, to] = [await openEnds(), await openEnds()]
  return { from, to }
}

/** What a guest had printed at a host when it left there. */
function watchConsole({ machines }: TestHost, id: string): () => string {
  let last = ''
  let busy = false
  const timer = setInterval(() => {
    if (busy) return
    busy = true
    void machines.console(id).then(
      (text = last) => {
        last = text
        busy = false
      },
      () => undefined,
    )
  }, 10)
  onTestFinished(() => clearInterval(timer))
  return () => last
}

async function openEnds(): Promise<Ends> {
  const opened = await openTestHost()
  const { settings, context } = opened.host
  return { ...opened, hypervisor: openQemuHost(settings, context) }
}

const markerOffset = 60 * 2 ** 20

/** A ticking guest on a disk of 64 MiB with something at its far end. */
async function startTicker({ from }: World, keyName?: string): Promise<{ spec: MachineSpec; at: VolumeRef }> {
  const image = Buffer.alloc(64 * 2 ** 20)
  tickerSector.copy(image)
  const volume = await guestVolume(from.host, { image, ...(keyName ? { keyName } : {}) })
  const sink = await createVolumes(from.host).openSink(volume)
  const data = Buffer.alloc(4096)
  data.write('in the far end  ', 'latin1')
  await sink.write({ offset: markerOffset, data, sha256: createHash('sha256').update(data).digest() })
  await sink.close()
  const spec = guestMachine(volume)
  await from.machines.define(spec)
  await from.machines.start(spec.id)
  await ticking(from, spec.id, 3)
  return { spec, at: { ...volume, name: `vol-${randomUUID()}.qcow2` } }
}

async function ticking({ machines }: TestHost, id: string, count: number): Promise<number[]> {
  let ticks: number[] = []
  await until(`${count} ticks`, async () => {
    ticks = ticksOn((await machines.console(id)) ?? '')
    return ticks.length >= count
  })
  return ticks
}

/** What the guest wrote on its disk: the last tick, and by the low byte of its number each of the last 256. */
async function ticksWritten(host: QemuHost, volume: VolumeRef) {
  const first = await readAt(host, volume, 0, 512 * 512)
  const numberAt = (lba: number) => Number.parseInt(first.toString('latin1', lba * 512, lba * 512 + 8), 16)
  const slots = Array.from({ length: 256 }, (_, slot) => [slot, numberAt(64 + slot)] as const)
  return { last: numberAt(8), slots: new Map(slots.filter(([, number]) => !Number.isNaN(number))) }
}

async function readAt(host: QemuHost, volume: VolumeRef, offset: number, length: number): Promise<Buffer> {
  const source = await createVolumes(host).openSource(volume)
  try {
    return await source.read({ offset, length })
  } finally {
    await source.close()
  }
}

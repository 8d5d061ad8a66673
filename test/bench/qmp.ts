import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import { findPrograms } from '#shared/clouds/onprem/qemu/programs.ts'
import { connectQmp } from '#shared/clouds/onprem/qemu/qmp.ts'
import { pathOf } from '#shared/clouds/onprem/qemu/volumes/files.ts'
import { median, type BenchResult } from '#test/bench/lib/result.ts'
import { measureVirsh, type VirshSide } from '#test/bench/lib/virsh-side.ts'
import { guestMachine, guestVolume } from '#test/clouds/onprem/guest-volume.ts'
import { hostFolder, openHostAt, type TestHost } from '#test/clouds/onprem/open-host.ts'

const rounds = 10
const callsInARound = 200
const starts = 8
const atOnce = 4

/**
 * One QMP command through the driver (gate, numbering, JSON) beside a bare echo of a unix socket by another process; and machines started one
 * after the other until they run, beside a bare QEMU of the same kind until its monitor answers. They take turns; medians count. Where libvirt
 * is, the same through virsh.
 */
export async function run(): Promise<BenchResult> {
  const folder = await hostFolder()
  const opened = openHostAt(folder)
  try {
    await opened.host.ready()
    const specs: MachineSpec[] = []
    for (let index = 0; index < starts; index++) {
      const spec = guestMachine(await guestVolume(opened.host, { unique: `bench-${index}` }))
      await opened.machines.define(spec)
      specs.push(spec)
    }
    const calls = await measureCalls(opened, specs[0] as MachineSpec, folder)
    const started = await measureStarts(opened, specs)
    const [disk] = specs[0]?.disks ?? []
    const virsh = disk && (await measureVirsh(pathOf(opened.host, disk.volume), starts))
    return summarise(calls, started, virsh)
  } finally {
    for (const { id } of await opened.machines.list()) await opened.machines.undefine(id)
    await rm(folder, { recursive: true, force: true })
  }
}

interface Calls {
  oursMs: number
  /** By the client alone, not through the gate. */
  bareMs: number
  statusMs: number
  echoMs: number
}

async function measureCalls({ host, machines }: TestHost, spec: MachineSpec, folder: string): Promise<Calls> {
  const echo = await startEcho(join(folder, 'echo'))
  const times = { ours: [] as number[], bare: [] as number[], echo: [] as number[], status: [] as number[] }
  try {
    await machines.start(spec.id)
    for (let round = 0; round < rounds; round++) {
      await host.monitor(spec.id, async (monitor) => {
        for (let call = 0; call < callsInARound; call++)
          times.ours.push(await timed(() => monitor.execute('query-status')))
      })
      const bare = await connectQmp(host.layout.machine(spec.id).monitors[1], 10_000)
      for (let call = 0; call < callsInARound; call++)
        times.bare.push(await timed(() => bare.execute('query-status')))
      bare.close()
      for (let call = 0; call < callsInARound; call++) times.echo.push(await timed(() => echo.roundTrip()))
      for (let call = 0; call < callsInARound / 10; call++)
        times.status.push(await timed(() => machines.status(spec.id)))
    }
    await machines.powerOff(spec.id)
  } finally {
    echo.close()
  }
  return {
    oursMs: median(times.ours),
    bareMs: median(times.bare),
    echoMs: median(times.echo),
    statusMs: median(times.status),
  }
}

interface Starts {
  oursMs: number
  bareMs: number
  /** Several at a time. */
  perSecondAtOnce: number
}

async function measureStarts({ host, machines }: TestHost, specs: readonly MachineSpec[]): Promise<Starts> {
  const { qemu, acceleration } = await findPrograms(host.runAs)
  const [ours, bare]: [number[], number[]] = [[], []]
  for (const [index, { id, disks }] of specs.entries()) {
    ours.push(await timed(() => machines.start(id)))
    await machines.powerOff(id)
    const [disk] = disks
    if (!disk) continue
    const monitor = host.layout.socket(`bare${index}`)
    const begunAt = performance.now()
    const image = `driver=qcow2,node-name=d,file.driver=file,file.filename=${pathOf(host, disk.volume)}`
    const args = [acceleration.arguments, bareMachine, '-blockdev', image]
    const child = spawn(qemu, [...args.flat(), '-qmp', `unix:${monitor},server=on,wait=off`], {
      ...acceleration.runAs,
      cwd: '/',
      stdio: 'ignore',
    })
    await answers(monitor)
    bare.push(performance.now() - begunAt)
    await end(child)
  }
  const waiting = [...specs]
  const begunAt = performance.now()
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await machines.start(next.id)
    }),
  )
  const perSecondAtOnce = (1000 * specs.length) / (performance.now() - begunAt)
  return { oursMs: median(ours), bareMs: median(bare), perSecondAtOnce }
}

const bareMachine = [
  ['-nodefaults', '-no-user-config'],
  ['-display', 'none'],
  ['-machine', 'q35'],
  ['-m', '32'],
  ['-device', 'virtio-blk-pci,drive=d'],
  ['-nic', 'user,model=virtio-net-pci'],
].flat()

async function answers(path: string): Promise<void> {
  for (;;) {
    const connection = await connectQmp(path, 1_000).catch(() => undefined)
    if (connection) {
      connection.close()
      return
    }
    await sleep(1)
  }
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

interface Echo {
  roundTrip(): Promise<void>
  close(): void
}

async function startEcho(path: string): Promise<Echo> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'lib', 'echo-server.ts'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const socket: Socket = connect(path)
  await once(socket, 'connect')
  const request = `${JSON.stringify({ execute: 'query-status', id: 1 })}\n`
  return {
    roundTrip: () =>
      new Promise((resolve) => {
        socket.once('data', () => resolve())
        socket.write(request)
      }),
    close: () => {
      socket.destroy()
      child.kill('SIGKILL')
    },
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begunAt = performance.now()
  await work()
  return performance.now() - begunAt
}

function summarise(calls: Calls, started: Starts, virsh: VirshSide | undefined): BenchResult {
  const perSecond = (ms: number): string => (1000 / ms).toFixed(2)
  return {
    name: 'qmp',
    value: Number(calls.oursMs.toFixed(3)),
    unit: 'ms p50 per QMP command',
    ratio: Number((calls.echoMs / calls.oursMs).toFixed(3)),
    against: `a bare unix-socket echo: ${calls.echoMs.toFixed(3)} ms`,
    notes: [
      `the same command not through the gate: ${calls.bareMs.toFixed(3)} ms p50`,
      `state of a machine, connecting for it: ${calls.statusMs.toFixed(2)} ms p50`,
      `machines started one after the other: ${perSecond(started.oursMs)} a second, ratio ${(started.bareMs / started.oursMs).toFixed(2)} against bare QEMU: ${perSecond(started.bareMs)}`,
      `machines started ${atOnce} at a time: ${started.perSecondAtOnce.toFixed(2)} a second`,
      virsh
        ? `virsh: ${virsh.sessionMs.toFixed(3)} ms p50 per command of a process that stays, ${virsh.processMs.toFixed(1)} ms of one started for it; ${virsh.startsPerSecond.toFixed(2)} machines started a second`
        : 'virsh: not installed here',
    ],
  }
}

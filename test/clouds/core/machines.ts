import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { driveOf, type Accelerator } from '#shared/clouds/onprem/qemu/acceleration.ts'
import { findHypervisor, type Hypervisor, type NoHypervisor } from './hypervisor.ts'
import { fileNameOf } from './names.ts'

/** Virtual machines that really run, where QEMU is; the same calls without it do nothing. */
export interface Machines {
  /** Probed when first asked for. */
  available(): Promise<{ qemu: string; accel: Accelerator } | NoHypervisor>
  /**
   * Powers a VM on: boots the first of its raw disks, writing to all of them. The console begins anew. One that runs is left alone.
   * Of more than `maxRunning` machines, the one started first loses its power (its console stays).
   */
  start(vmId: string, vm: { diskPaths: string[]; memoryMib: number }): Promise<void>
  /** Cuts the power and waits for the process to be gone. One that is off is left alone. */
  stop(vmId: string): Promise<void>
  running(vmId: string): boolean
  /** What the guest wrote on its first serial port since it was last started; '' without QEMU. */
  console(vmId: string): Promise<string>
  /** What QEMU complained of when a machine ended by itself, if it did. */
  complaint(vmId: string): string | undefined
  /** Stops all. */
  close(): Promise<void>
}

interface Machine {
  process: ChildProcess
  gone: Promise<unknown>
}

/** Consoles are kept in `dir`. `path` is where QEMU is looked for. */
export function createMachines(
  dir: string,
  { maxRunning = 12, path }: { maxRunning?: number; path?: string } = {},
): Machines {
  const running = new Map<string, Machine>()
  const complaints = new Map<string, string>()
  const consolePath = (vmId: string) => join(dir, `${fileNameOf(vmId)}.console`)

  const stop = async (vmId: string) => {
    const machine = running.get(vmId)
    if (!machine) return
    running.delete(vmId)
    lifeline(machine.process).destroy()
    await machine.gone
  }

  return {
    async available() {
      const hypervisor = await findHypervisor(path)
      return 'reason' in hypervisor ? hypervisor : { qemu: hypervisor.qemu, accel: hypervisor.accel }
    },

    async start(vmId, { diskPaths, memoryMib }) {
      const hypervisor = await findHypervisor(path)
      if ('reason' in hypervisor || running.has(vmId)) return
      mkdirSync(dir, { recursive: true })
      complaints.delete(vmId)
      const child = launch(hypervisor, {
        name: fileNameOf(vmId),
        diskPaths,
        memoryMib,
        consolePath: consolePath(vmId),
      })
      const machine = { process: child, gone: once(child, 'close').catch(() => undefined) }
      running.set(vmId, machine)

      let errors = ''
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4000)))
      void machine.gone.then(() => {
        if (running.get(vmId) !== machine) return
        running.delete(vmId)
        if (errors !== '') complaints.set(vmId, errors.trim())
      })

      const [oldest] = running.keys()
      if (running.size > maxRunning && oldest !== undefined) await stop(oldest)
    },

    stop,
    running: (vmId) => running.has(vmId),
    complaint: (vmId) => complaints.get(vmId),

    async console(vmId) {
      try {
        return await readFile(consolePath(vmId), 'latin1')
      } catch {
        return ''
      }
    },

    async close() {
      await Promise.all([...running.keys()].map(stop))
    },
  }
}

/**
 * Runs its arguments, and kills them once fd 3 is closed. Only this process holds the other end, so however it ends, no machine
 * outlives it.
 */
const watched = `
"$@" 3<&- &
vm=$!
{ read -r _ <&3; kill -9 $vm; } &
watch=$!
wait $vm
code=$?
kill $watch
exit $code`

/**
 * The disks and the console are opened here and handed over as file descriptors: so QEMU may run as nobody, whose
 * reach ends at the first private directory.
 */
function launch(
  { qemu, arguments: common, identity }: Hypervisor,
  {
    name,
    diskPaths,
    memoryMib,
    consolePath,
  }: { name: string; diskPaths: string[]; memoryMib: number; consolePath: string },
): ChildProcess {
  const files: number[] = []
  try {
    files.push(openSync(consolePath, 'w'))
    for (const diskPath of diskPaths) files.push(openSync(diskPath, 'r+'))
    const firstFd = 4
    const descriptors = files.flatMap((_, index) => ['-add-fd', `fd=${firstFd + index},set=${index}`])
    const drives = diskPaths.flatMap((_, index) => ['-drive', driveOf(index + 1)])
    return spawn(
      '/bin/sh',
      ['-c', watched, 'machine', qemu].concat(
        common,
        ['-name', name, '-m', String(Math.min(Math.max(memoryMib, 32), 256))],
        descriptors,
        ['-chardev', 'file,id=console,path=/dev/fdset/0', '-serial', 'chardev:console'],
        drives,
      ),
      { ...identity, cwd: '/', stdio: ['ignore', 'ignore', 'pipe', 'pipe', ...files] },
    )
  } finally {
    for (const file of files) closeSync(file)
  }
}

function lifeline(child: ChildProcess): Writable {
  return child.stdio[3] as Writable
}

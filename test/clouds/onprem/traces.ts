import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** What machines may leave on a host: processes, unix sockets and files that belong to a folder, and ports that are listened on. */
export interface Traces {
  processes: string[]
  sockets: string[]
  files: string[]
  ports: string[]
}

/** Everything on this machine that names `folder`; and which of `ports` (numbers) somebody listens on. */
export async function tracesOf(folder: string, ports: readonly number[] = []): Promise<Traces> {
  const [processes, unix, tcp, udp, files] = await Promise.all([
    processesNaming(folder),
    readFile('/proc/net/unix', 'latin1'),
    readFile('/proc/net/tcp', 'latin1'),
    readFile('/proc/net/udp', 'latin1'),
    readdir(folder, { recursive: true, withFileTypes: true }),
  ])
  const listening = `${tcp}\n${udp}`.split('\n').map((line) => line.trim().split(/\s+/))
  return {
    processes,
    sockets: unix.split('\n').flatMap((line) => {
      const path = line.trim().split(/\s+/)[7]
      return path?.startsWith(folder) ? [path] : []
    }),
    files: files.filter((entry) => !entry.isDirectory()).map((entry) => `${entry.parentPath}/${entry.name}`),
    ports: listening.flatMap(([, local = '', remote = '']) => {
      const port = Number.parseInt(local.split(':')[1] ?? '', 16)
      return ports.includes(port) && remote.endsWith(':0000') ? [String(port)] : []
    }),
  }
}

/** The same, a moment later if need be: the kernel lets go of a socket only when the client at its other end, in this process, has closed, too. */
export async function tracesLeft(folder: string, ports: readonly number[] = []): Promise<Traces> {
  for (let left = 100; ; left -= 1) {
    const traces = await tracesOf(folder, ports)
    if (traces.sockets.length === 0 || left === 0) return traces
    await delay(10)
  }
}

/** `pid: command line`, of those that run. */
async function processesNaming(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      const program = await readlink(`/proc/${pid}/exe`).catch(() => '')
      return command.includes(text) && program.includes('qemu')
        ? [`${pid}: ${command.replaceAll('\0', ' ')}`]
        : []
    }),
  )
  return found.flat()
}

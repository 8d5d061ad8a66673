import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Living processes that were started within a folder: it stands in their arguments or their environment. */
export function processesOf(folder: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const command = read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim()
      // Of a zombie both are empty.
      const isOurs = command.includes(folder) || read(`/proc/${name}/environ`).includes(folder)
      return command && isOurs ? [{ pid: Number(name), command }] : []
    })
}

/** Ends what was started within a folder, kindly first. */
export async function endProcessesOf(folder: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const { pid } of processesOf(folder)) send(pid, signal)
    for (let attempt = 0; attempt < 30 && processesOf(folder).length > 0; attempt++) await sleep(50)
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

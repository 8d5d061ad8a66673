import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { CloudSettings } from '#shared/clouds/port.ts'

/** At a call: the changing one of that number, or the first one of that name (to that host, of something so called); before it is made, or when it is done and nobody knows. */
export interface Death {
  call: number | string
  host?: string
  resource?: string
  /** False: with the guard that thaws a guest for it. */
  alone?: boolean
  when: 'before' | 'after'
}

export interface Task {
  settings: CloudSettings
  work: 'create' | 'delete' | 'snapshot' | 'attach' | 'relocate' | 'resize'
  request: object
  death?: Death
}

/** Lets a worker of its own process do the task. @returns the changing calls it made, if it was not to die; and whether it died. */
export async function runWorker(task: Task): Promise<{ died: boolean; calls: string[] }> {
  const worker = spawn(process.execPath, [new URL('./dying-worker.ts', import.meta.url).pathname], {
    env: { ...process.env, TASK: JSON.stringify(task) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said = text(worker.stdout)
  const [code, signal] = (await once(worker, 'exit')) as [number | null, string | null]
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the worker ended with ${code ?? signal}`)
  const calls = (await said).split('\n').filter((line) => line !== '')
  return { died: signal === 'SIGKILL', calls }
}

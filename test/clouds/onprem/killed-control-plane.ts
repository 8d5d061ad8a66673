import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(import.meta.resolve('#test/clouds/onprem/control-plane.ts'))

/**
 * Runs a control plane that brings machines up, and kills it (SIGKILL) a moment after it has said so of `killAfter` of them; undefined lets it
 * end. Resolves, once it is gone, with what it said was up.
 * @param delayMs how long that moment is.
 */
export async function runControlPlane(
  folder: string,
  ids: readonly string[],
  { killAfter, delayMs = 0 }: { killAfter?: number; delayMs?: number } = {},
): Promise<string[]> {
  const child = spawn(process.execPath, [program, folder, ...ids], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const up: string[] = []
  createInterface(child.stdout).on('line', (line) => {
    up.push(line.replace('up ', ''))
    if (up.length === killAfter) void delay(delayMs).then(() => child.kill('SIGKILL'))
  })
  if (killAfter === 0) void delay(delayMs).then(() => child.kill('SIGKILL'))
  const [code] = (await ended) as [number | null]
  if (killAfter === undefined && code !== 0) throw new Error(`The control plane ended with ${code}.`)
  return up
}

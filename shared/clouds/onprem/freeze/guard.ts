import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** How a guest's file systems are let go: by its agent's socket, or by a program that asks for it. */
export type Thaw = { agent: string } | { program: string; args: readonly string[] }

/** Longest that a guest's file systems may stand still, milliseconds, whatever becomes of who froze them. */
export const longestFreezeMs = 15_000

/**
 * Runs `work`, which freezes and thaws a guest, under a guard: a process of its own that thaws the guest if this one ends, or is not done in time.
 * It costs 40 ms of a processor, and nothing that is waited for.
 */
export async function guarded<T>(thaw: Thaw, work: () => Promise<T>): Promise<T> {
  const guard = spawn(process.execPath, [guardPath, JSON.stringify({ thaw, longestFreezeMs })], {
    // Its input closes when this process ends, however that is. In a group of its own no signal to ours reaches it.
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // Without a guard it is still thawed, only not if this process dies.
  guard.on('error', () => undefined)
  guard.stdin.on('error', () => undefined)
  try {
    return await work()
  } finally {
    guard.kill('SIGKILL')
  }
}

const guardPath = fileURLToPath(new URL('./guard-process.ts', import.meta.url))

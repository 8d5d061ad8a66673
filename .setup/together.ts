import { spawn } from 'node:child_process'
import {
  createConcurrently,
  KillOthers,
  LogError,
  LogExit,
  Logger,
  LogOutput,
  type Command,
} from 'concurrently'
import { checkoutFolder } from '#shared/services/state.ts'
import type { ProcessLine } from './procfile.ts'

const repeatMs = 1000
const colors = ['cyan', 'green', 'magenta', 'yellow', 'blue', 'gray']

/**
 * Runs commands side by side with their names before each line they print. SIGINT, SIGTERM or SIGHUP stops all of them in good order,
 * and so does the end of any; those that are still there after the grace, or at a second signal, are killed.
 * @returns the exit status: 0 when all ended with 0.
 */
export async function runTogether(
  lines: ProcessLine[],
  { stopGraceMs }: { stopGraceMs: number },
): Promise<number> {
  const logger = new Logger({ prefixFormat: 'name' })
  logger.setPrefixLength(Math.max(...lines.map(({ name }) => name.length)))
  const killOthers = new KillOthers({
    logger,
    conditions: ['success', 'failure'],
    killSignal: 'SIGTERM',
    timeoutMs: stopGraceMs,
  })
  const { commands, result } = createConcurrently(
    lines.map(({ name, command }, index) => ({
      name,
      command,
      prefixColor: colors[index % colors.length] ?? 'white',
    })),
    {
      logger,
      outputStream: process.stdout,
      cwd: checkoutFolder,
      controllers: [new LogError({ logger }), new LogOutput({ logger }), new LogExit({ logger }), killOthers],
      // A group of its own for each: the terminal's Ctrl-C reaches only us, and the shell's children are stopped with the shell.
      spawn: (command, options) => spawn('/bin/sh', ['-c', command], { ...options, detached: true }),
      kill: (pid, signal) => process.kill(-pid, signal ?? 'SIGTERM'),
    },
  )
  const forget = stopAtSignal(commands, stopGraceMs)
  try {
    await result
    return 0
  } catch {
    return 1
  } finally {
    forget()
  }
}

function stopAtSignal(commands: Command[], stopGraceMs: number): () => void {
  let firstMs = 0
  const stop = (): void => {
    // Ctrl-C under npm comes twice at once: from the terminal and from npm.
    if (firstMs && Date.now() - firstMs < repeatMs) return
    killAll(commands, firstMs ? 'SIGKILL' : 'SIGTERM')
    firstMs ||= Date.now()
    setTimeout(() => killAll(commands, 'SIGKILL'), stopGraceMs).unref()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, stop)
  return () => signals.forEach((signal) => process.off(signal, stop))
}

function killAll(commands: Command[], signal: NodeJS.Signals): void {
  for (const command of commands) if (command.state === 'started') command.kill(signal)
}

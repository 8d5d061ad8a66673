import { spawn } from 'node:child_process'
import { createConcurrently, LogError, LogExit, Logger, LogOutput, type Command } from 'concurrently'
import { signal } from '#shared/services/process.ts'
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
      controllers: [new LogError({ logger }), new LogOutput({ logger }), new LogExit({ logger })],
      // A group of its own for each: the terminal's Ctrl-C reaches only us, and the shell's children are stopped with the shell.
      // The shell itself only waits (a trapped signal is not passed on), so that the exit status is the program's.
      spawn: (command, options) =>
        spawn('/bin/sh', ['-c', `trap : INT TERM HUP\n${command}`], { ...options, detached: true }),
      kill: (pid, name) => signal(-pid, name === 'SIGKILL' ? name : 'SIGTERM'),
    },
  )
  const forget = stopTogether(commands, stopGraceMs)
  try {
    await result
    return 0
  } catch {
    return 1
  } finally {
    forget()
  }
}

/** Ends all commands at a signal or when one of them has ended. */
function stopTogether(commands: Command[], stopGraceMs: number): () => void {
  let stoppedMs = 0
  const stop = (): void => {
    if (stoppedMs) return
    stoppedMs = Date.now()
    killAll(commands, 'SIGTERM')
    setTimeout(() => killAll(commands, 'SIGKILL'), stopGraceMs).unref()
  }
  const onSignal = (): void => {
    // Ctrl-C under npm comes twice at once: from the terminal and from npm.
    if (stoppedMs && Date.now() - stoppedMs > repeatMs) killAll(commands, 'SIGKILL')
    stop()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of signals) process.on(name, onSignal)
  for (const command of commands) command.close.subscribe(stop)
  return () => signals.forEach((name) => process.off(name, onSignal))
}

function killAll(commands: Command[], name: NodeJS.Signals): void {
  for (const command of commands) if (command.state === 'started') command.kill(name)
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { Cloud, CloudRef } from '#shared/clouds/port.ts'
import { waitForVm } from '#shared/clouds/wait.ts'
import { compilePattern } from '#shared/pattern.ts'
import { StepError } from '#shared/jobs/errors.ts'
import { step } from '#workers/migration/step.ts'
import type { BootCheckOptions } from '#workers/migration/types.ts'

/**
 * Looks for evidence on the destination's console that the moved disk boots. Then a source that was stopped before gets a destination that
 * is stopped too.
 */
export const bootCheck = step('boot_check', {
  needs: ['source', 'target', 'destination'],
  gives: ['boot'],
  effect: 'none',
  retry: { attempts: 2 },
  async run(context, { source, target, destination }) {
    const cloud = await context.cloud(target.providerId)
    const wait = { signal: context.signal, timeoutMs: 5 * 60_000 }
    await waitForVm(cloud, destination, ['running', 'stopped'], wait)
    const seenRunningAt = new Date().toISOString()
    const asked = context.input.options?.boot_check ?? {}
    const evidence = await watchConsole(cloud, destination, asked, context.signal)
    if (!evidence && (asked.required ?? asked.expect !== undefined)) throw unproved(destination, asked)
    const runningAt = evidence ? new Date().toISOString() : seenRunningAt
    if (!source.wasRunning) {
      await cloud.compute.stop(destination)
      await waitForVm(cloud, destination, ['stopped'], wait)
    }
    return {
      boot: evidence
        ? { outcome: 'proved' as const, evidence, runningAt }
        : {
            outcome: 'unproved' as const,
            evidence: 'The VM runs; its console showed nothing to go by.',
            runningAt,
          },
    }
  },
})

/** @returns the line that matched, or the last line where any output will do; undefined if the time ran out. */
async function watchConsole(
  cloud: Cloud,
  ref: CloudRef,
  { expect, timeout_ms: timeoutMs = defaultTimeoutMs }: BootCheckOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const matches = compilePattern(expect ?? String.raw`\S`)
  if (!matches) throw new StepError(`/${expect}/ is not a regular expression.`, { code: 'invalid_request' })
  const untilMs = performance.now() + timeoutMs
  for (;;) {
    const lines = ((await cloud.compute.consoleOutput(ref)) ?? '')
      .split(/\r?\n/)
      .map((line) => line.trimEnd())
    const line = lines.findLast(matches)
    if (line !== undefined) return line.slice(0, 500)
    if (performance.now() >= untilMs) return undefined
    await sleep(Math.min(pollMs, timeoutMs), undefined, { signal })
  }
}

const unproved = (
  destination: CloudRef,
  { expect, timeout_ms: timeoutMs = defaultTimeoutMs }: BootCheckOptions,
) =>
  new StepError(
    `The console of ${destination.id} did not show ${expect ? `/${expect}/` : 'any output'} within ${timeoutMs / 1000} s.`,
    {
      code: 'boot_not_proved',
      remedy:
        'Look at the console output of the source to see what a good boot prints; raise options.boot_check.timeout, or set required to false.',
    },
  )

const defaultTimeoutMs = 60_000
const pollMs = 250

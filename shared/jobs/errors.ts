import { NovaError, type ErrorKind } from '#shared/errors.ts'
import type { Problem } from '#shared/jobs/types.ts'

/**
 * The jobs core's own errors. Codes: `cancelled`, `deadline_exceeded`, `lease_lost`, `shutting_down`, and whatever a step
 * throws for a fault in its own domain.
 */
export class StepError extends NovaError {}

/** The four reasons for which a running step's signal aborts. */
export const interruptions = {
  cancelled: (reason?: string) =>
    new StepError(reason ? `The job was cancelled: ${reason}` : 'The job was cancelled.', {
      code: 'cancelled',
      kind: 'cancelled',
    }),
  deadline: (deadline: Date) =>
    new StepError(`The job did not finish by its deadline, ${deadline.toISOString()}.`, {
      code: 'deadline_exceeded',
      kind: 'cancelled',
      remedy: 'Submit it again with a later deadline, or find out from its steps what took so long.',
    }),
  leaseLost: () =>
    new StepError('This worker no longer holds the step; another one may have taken over.', {
      code: 'lease_lost',
      kind: 'cancelled',
    }),
  shutdown: () =>
    new StepError('The worker is shutting down; another one goes on.', {
      code: 'shutting_down',
      kind: 'cancelled',
    }),
}

/** What the runner should do about an error thrown by a step. */
export interface Classification {
  kind: ErrorKind
  code: string
  retryAfterMs: number | undefined
}

/**
 * Classifies any error, once. What interrupted the step goes before what the step made of the interruption (an SDK turns an abort into an
 * error of its own). An error that is none of ours is a fault in our code or environment: it is tried again a few times.
 */
export function classify(error: unknown, interruption: StepError | undefined): Classification {
  if (interruption) return { kind: 'cancelled', code: interruption.code, retryAfterMs: undefined }
  if (error instanceof NovaError)
    return { kind: error.kind, code: error.code, retryAfterMs: error.retryAfterMs }
  return { kind: 'retryable', code: 'internal_error', retryAfterMs: undefined }
}

/** An error in the form that is kept and shown. Only errors of ours speak in their own words; a stranger may quote a secret. */
export function toProblem(error: unknown, step: string): Problem {
  if (!(error instanceof NovaError))
    return {
      code: 'internal_error',
      detail: `The step failed unexpectedly (${nameOf(error)}).`,
      step,
      remedy: "See the worker's log for the stack, and report it.",
    }
  const { vendorCode, requestId } = error as { vendorCode?: string; requestId?: string }
  return {
    code: error.code,
    detail: error.message,
    step,
    ...(error.remedy ? { remedy: error.remedy } : {}),
    ...(vendorCode ? { vendor_code: vendorCode } : {}),
    ...(requestId ? { request_id: requestId } : {}),
    ...(error.details ? { details: error.details } : {}),
  }
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

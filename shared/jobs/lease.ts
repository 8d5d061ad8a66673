import type { Pool } from 'pg'
import type { ClaimedStep } from '#shared/jobs/claim.ts'
import { interruptions, type StepError } from '#shared/jobs/errors.ts'

export interface Lease {
  /** Aborts with the reason why the step should stop. */
  readonly signal: AbortSignal
  /** Why the step was interrupted, if it was. */
  interruption(): StepError | undefined
  interrupt(reason: StepError): void
  /** Interrupts for a cancellation, if the step can still be stopped. */
  cancel(reason?: string): void
  /** Interrupts if the job's deadline has passed and the step can still be stopped. */
  checkDeadline(): void
  /** Throws the interruption, also when the lease has run out and nobody has noticed yet (the process was paused). */
  assertHeld(): void
  end(): void
}

export interface LeaseOptions {
  leaseMs: number
  /** `performance.now()` from before the claim was sent. */
  claimedAtMs: number
  /** May a cancel or the deadline stop the step? */
  stoppable: boolean
}

/**
 * Keeps hold of a step: renews the lease in the database three times per lease. The holder's own clock runs from the moment a renewal is
 * sent, the database's from the moment it arrives, so this side always stops first, whatever the network or a paused process does.
 */
export function holdLease(
  db: Pool,
  step: ClaimedStep,
  { leaseMs, claimedAtMs, stoppable }: LeaseOptions,
): Lease {
  const controller = new AbortController()
  let heldUntilMs = claimedAtMs + leaseMs
  let renewing = false

  const interrupt = (reason: StepError) => controller.abort(reason)
  const interruption = () => controller.signal.reason as StepError | undefined
  const cancel = (reason?: string) => {
    if (stoppable) interrupt(interruptions.cancelled(reason))
  }
  const checkDeadline = () => {
    if (stoppable && step.deadline && step.deadline.getTime() < Date.now())
      interrupt(interruptions.deadline(step.deadline))
  }

  const renew = async () => {
    if (performance.now() >= heldUntilMs) return interrupt(interruptions.leaseLost())
    checkDeadline()
    if (renewing) return
    renewing = true
    const sentAtMs = performance.now()
    try {
      const { rows } = await db.query<{ cancelled: boolean; cancel_reason: string | null }>({
        name: 'renew-lease',
        text: renewSql,
        values: [step.jobId, step.direction, step.position, step.fence, leaseMs],
      })
      const [row] = rows
      if (!row) return interrupt(interruptions.leaseLost())
      heldUntilMs = sentAtMs + leaseMs
      if (row.cancelled) cancel(row.cancel_reason ?? undefined)
    } catch {
      // The database is away: the lease goes on until its time is up, and a later renewal may still come through.
    } finally {
      renewing = false
    }
  }

  const timer = setInterval(() => void renew(), leaseMs / 3)
  return {
    signal: controller.signal,
    interruption,
    interrupt,
    cancel,
    checkDeadline,
    assertHeld() {
      if (performance.now() >= heldUntilMs) interrupt(interruptions.leaseLost())
      const reason = interruption()
      if (reason) throw reason
    },
    end: () => clearInterval(timer),
  }
}

const renewSql = `
update job_steps s set lease_until = clock_timestamp() + $5::double precision * interval '1 millisecond'
from jobs j
where s.job_id = $1 and s.direction = $2 and s.position = $3 and s.fence = $4 and s.state = 'running' and j.id = s.job_id
returning j.cancel_requested_at is not null as cancelled, j.cancel_reason`

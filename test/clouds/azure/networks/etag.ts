import { randomUUID } from 'node:crypto'
import type { ArmRequest } from '#test/clouds/azure/context.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'

export const newEtag = (): string => `W/"${randomUUID()}"`

/** Refuses a change of something that has changed since the caller read it. */
export function checkEtag({ headers }: ArmRequest, thing: { id: string; etag: string } | undefined): void {
  const wanted = headers['if-match']
  if (wanted === undefined || wanted === '*' || !thing || wanted === thing.etag) return
  throw new Refusal(
    412,
    'PreconditionFailed',
    `Precondition failed. Etag provided in if-match header ${wanted} does not match etag ${thing.etag} of resource ${thing.id}.`,
  )
}

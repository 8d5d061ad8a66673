import type { CloudRef } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { bounds, waitFor } from '#shared/clouds/aws/waiting.ts'

/** How a kind of thing that EC2 takes no idempotency token for is found, made and taken away again. */
export interface Making {
  region: string
  /** The vendor's operation that creates it, for the error. */
  operation: string
  /** Ids of everything that carries the intent's token as a tag. */
  find: () => Promise<string[]>
  /** Makes one, tagged in the creating call itself; sent once. Gives its id. */
  create: () => Promise<string | undefined>
  remove: (ref: CloudRef) => Promise<void>
}

/**
 * One thing per intent although its creating call takes no token: it is looked for by its tag before and, when it is made or the reply was lost,
 * after. Should there be two all the same (a process died between its call and the tag becoming visible), every caller agrees on the one with the
 * lowest id and removes the others; only the agreed one is ever given out.
 */
export async function madeOnce(aws: AwsClients, making: Making): Promise<CloudRef> {
  const { region, operation } = making
  const known = await agree(making)
  if (known) return known
  const made = await createOrLose(making)
  const agreed = await waitFor(() => agree(making), bounds(aws))
  if (agreed) return agreed
  if (made !== undefined) return { region, id: made }
  throw new CloudError(`AWS ${operation} in ${region}: the reply was lost, and nothing was made.`, {
    cloud: 'aws',
    operation,
    code: 'network',
    kind: 'retryable',
    remedy: 'It is tried again. If it lasts, check the way to the endpoint.',
  })
}

async function agree({ region, find, remove }: Making): Promise<CloudRef | undefined> {
  const [id, ...twins] = (await find()).toSorted()
  for (const twin of twins) {
    await remove({ region, id: twin }).catch((error: unknown) => {
      // One that somebody put to use meanwhile is theirs; it carries the owner tags, so that nobody loses sight of it.
      const spared = error instanceof CloudError && ['not_found', 'conflict'].includes(error.code)
      if (!spared) throw error
    })
  }
  return id === undefined ? undefined : { region, id }
}

async function createOrLose({ create }: Making): Promise<string | undefined> {
  try {
    return await create()
  } catch (error) {
    const maybeMade =
      error instanceof CloudError && ['network', 'timeout', 'unavailable'].includes(error.code)
    if (maybeMade) return undefined
    throw error
  }
}

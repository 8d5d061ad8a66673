import { CloudError } from '#shared/clouds/errors.ts'

/**
 * What could be learned of hosts of which some may be down: the answers of those that gave one.
 * @throws what a host threw, if none answered, or if it is not the host's trouble (a worker that lost its step).
 */
export async function answering<T>(asked: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(asked)
  const answers = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  for (const each of settled)
    if (each.status === 'rejected' && (answers.length === 0 || !isTroubleOfOne(each.reason)))
      throw each.reason
  return answers
}

const isTroubleOfOne = (reason: unknown): boolean =>
  reason instanceof CloudError && ['network', 'timeout', 'unavailable', 'unsupported'].includes(reason.code)

import { isNotFound } from '#shared/clouds/errors.ts'

/** Waits for `work`, a deletion; that the thing is gone already is what was wanted. */
export async function goneIsFine(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

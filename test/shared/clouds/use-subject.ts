import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { removeAll, type Subject } from '#test/shared/clouds/conformance/subject.ts'

/** What a loopback cloud and an adapter on it are opened as; closing the cloud closes what else was opened with it. */
export type OwnSubject = Subject & { loopback: { close(): Promise<void> } }

/**
 * A subject for all tests of a file, filled before they run and closed behind them. Of `job`, everything is deleted first, and nothing may be
 * left.
 */
export function useSubject<S extends OwnSubject>(open: () => Promise<S>, { job }: { job?: string } = {}): S {
  const subject = {} as S
  let opened: S | undefined
  beforeAll(async () => {
    opened = await open()
    Object.assign(subject, opened)
  })
  afterAll(async () => {
    if (!opened) return
    try {
      if (job !== undefined) await removeAll(opened, job)
    } finally {
      await closeSubject(opened)
    }
  })
  return subject
}

/** A subject for the test that asks, closed behind it however it ends. */
export async function subjectOfTest<S extends OwnSubject>(opening: Promise<S>): Promise<S> {
  const subject = await opening
  onTestFinished(() => closeSubject(subject))
  return subject
}

async function closeSubject({ cloud, loopback }: OwnSubject): Promise<void> {
  cloud.close()
  await loopback.close()
}

import { afterAll, describe, expect, test } from 'vitest'
import { creators, type Creator } from '#test/shared/clouds/conformance/creators.ts'
import {
  intentOf,
  newJob,
  removeAll,
  residueOf,
  until,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'
import { can, changesOf, insist, withFault } from '#test/shared/clouds/conformance/things.ts'

/** A creating call, and how many replies in a row are lost. */
type Case = Creator & { repeats: number }

/** Every creating call. Three in a row get past what an SDK tries by itself, and its own second try is among them. */
export const everyCreation: readonly Case[] = creators.flatMap((creator) =>
  (creator.operation === 'compute.create' ? [1, 3] : [3]).map((repeats) => ({ ...creator, repeats })),
)

/** The call that costs most if it is made twice. */
export const creationOfVm: readonly Case[] = everyCreation.slice(0, 1)

/** Makes what all of a provider's VMs and disks share (Azure's network, Google's staging bucket): it stays, and must not be taken for left over. */
export async function makeShared(subject: Subject): Promise<void> {
  const job = newJob()
  for (const { operation, prepare, finish } of creators) {
    if (operation !== 'compute.create' && operation !== 'disks.createDisk') continue
    if (!can(subject, operation)) continue
    const made = await (await prepare(subject, job))(intentOf(job))
    await finish?.(subject, made)
  }
  await removeAll(subject, job)
}

/** A reply that is lost makes nothing twice. `subject` is filled before the tests run. */
export function lostReplies(subject: Subject, cases: readonly Case[]): void {
  describe('lost replies', () => {
    const jobs: string[] = []
    afterAll(async () => {
      for (const job of jobs) await removeAll(subject, job)
    })
    const kindsOf = (job: string) =>
      residueOf(subject.loopback, job)
        .map(({ kind }) => kind)
        .toSorted()

    test.for(cases)('make no second $what ($repeats in a row)', async (each, { skip }) => {
      const { operation: creating, prepare, finish, repeats } = each
      skip(!can(subject, creating), 'lacking')
      const around = newJob()
      jobs.push(around)
      const make = await prepare(subject, around)
      const before = subject.loopback.residue().length

      const plain = newJob()
      const changes = await changesOf(subject, async () => {
        const made = await make(intentOf(plain))
        await finish?.(subject, made)
      })
      expect(changes.length).toBeGreaterThan(0)
      const expected = kindsOf(plain)
      await removeAll(subject, plain)

      for (const operation of changes) {
        const lossy = newJob()
        const intent = intentOf(lossy)
        const first = await withFault(subject, { operation, mode: 'drop_reply', times: repeats }, () =>
          insist(() => make(intent)),
        )
        expect((await make(intent)).id, `after a lost reply to ${operation}`).toBe(first.id)
        await finish?.(subject, first)
        expect((await make(intent)).id, `after a lost reply to ${operation}`).toBe(first.id)
        expect(kindsOf(lossy), `after a lost reply to ${operation}`).toEqual(expected)
        await removeAll(subject, lossy)
        // What carries no tags would not be found by its job. The vendor's own helpers may be gone a moment later.
        const left = () => subject.loopback.residue().length
        await until(`nothing to be left after a lost reply to ${operation}`, async () => left() <= before)
      }
    })
  })
}

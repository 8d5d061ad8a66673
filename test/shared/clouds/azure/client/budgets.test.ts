import { expect, test } from 'vitest'
import { openSubject, region } from '#test/shared/clouds/azure/subject.ts'
import { refusalOf } from '#test/shared/clouds/conformance/things.ts'
import { subjectOfTest } from '#test/shared/clouds/use-subject.ts'

const nowhere = (nr: number) => ({ region, id: `nowhere-${nr}` })

/** What they were answered with, each once. */
const statusesOf = (calls: readonly { status?: number }[]) => [...new Set(calls.map(({ status }) => status))]

test('calls slow down before Azure throttles, by the number that it says is left', async () => {
  const { cloud, loopback } = await subjectOfTest(
    openSubject({ buckets: { reads: { size: 20, perSecond: 25 } } }),
  )
  // Connections for all, by calls that are counted elsewhere: making them takes so long that the bucket would refill meanwhile.
  await Promise.all(Array.from({ length: 35 }, () => refusalOf(() => cloud.compute.start(nowhere(0)))))
  // The first reply says how many are left; without that the others would all be sent at once.
  await cloud.networks.securityGroups.get(nowhere(0))
  await Promise.all(Array.from({ length: 35 }, (_, nr) => cloud.networks.securityGroups.get(nowhere(nr + 1))))
  const reads = loopback.calls().filter(({ operation }) => operation === 'NetworkSecurityGroups_Get')
  expect(reads).toHaveLength(36)
  expect(statusesOf(reads)).toEqual([404])
})

test('reads that have to wait hold up no writes', async () => {
  const { cloud, loopback } = await subjectOfTest(
    openSubject({ buckets: { reads: { size: 3, perSecond: 25 } } }),
  )
  await cloud.networks.securityGroups.get(nowhere(0))
  const reading = Promise.all(
    Array.from({ length: 20 }, (_, nr) => cloud.networks.securityGroups.get(nowhere(nr + 1))),
  )
  await refusalOf(() => cloud.compute.start(nowhere(0)))
  const before = loopback.calls().filter(({ operation }) => operation === 'NetworkSecurityGroups_Get')
  expect(before.length).toBeLessThan(21)
  await reading
})

test('a call whose turn is later than a worker waits is not sent, and says when to come back', async () => {
  const subject = await subjectOfTest(openSubject({ buckets: { reads: { size: 2, perSecond: 0.01 } } }))
  const cloud = await subject.reopen({ options: { throttle_wait_ms: 100 } })
  await cloud.networks.securityGroups.get(nowhere(0))
  const sent = subject.loopback.calls().length
  const refusal = await refusalOf(() => cloud.networks.securityGroups.get(nowhere(1)))
  expect(refusal).toMatchObject({ code: 'throttled', kind: 'throttled', retryable: true })
  expect(refusal?.retryAfterMs).toBeGreaterThan(100)
  expect(subject.loopback.calls()).toHaveLength(sent)
  cloud.close()
})

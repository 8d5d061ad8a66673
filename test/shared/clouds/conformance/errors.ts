import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cloud } from '#shared/clouds/port.ts'
import type { ErrorClass, Subject } from '#test/shared/clouds/conformance/subject.ts'
import { refusalOf, withFault } from '#test/shared/clouds/conformance/things.ts'

const kinds: Readonly<Record<ErrorClass, readonly string[]>> = {
  auth_failed: ['permanent'],
  forbidden: ['permanent'],
  not_found: ['permanent'],
  conflict: ['retryable', 'permanent'],
  invalid_request: ['permanent'],
  capacity: ['capacity'],
  quota_exceeded: ['capacity'],
  throttled: ['throttled'],
  unavailable: ['retryable'],
}

/** Every class of error, from the vendor's words to ours. `subject` is filled before the tests run. */
export function errors(subject: Subject): void {
  describe('errors', () => {
    let cloud: Cloud
    // A list, because what is not there is no error to a `get`. Faults are for its own call, not for signing in.
    let operation: string
    const listBy = (by: Cloud) => Array.fromAsync(by.compute.list({ region: subject.region }))
    const call = () => refusalOf(() => listBy(cloud))
    beforeAll(async () => {
      cloud = await subject.reopen({ options: { throttle_wait_ms: 100 } })
      const lastSeq = subject.loopback.calls().at(-1)?.seq ?? 0
      await listBy(cloud)
      const made = subject.loopback.calls().filter(({ seq }) => seq > lastSeq)
      operation = made.find((each) => !subject.dialect.signIn.includes(each.operation))?.operation ?? '*'
    })
    afterAll(() => cloud?.close())

    test.for(Object.keys(kinds) as ErrorClass[])(
      'the vendor’s codes for %s come out as it, with code, request id and remedy',
      async (expected, { skip }) => {
        skip(subject.dialect.refusals[expected].length === 0, 'this cloud has no such refusal')
        for (const { vendorCode, ...refused } of subject.dialect.refusals[expected]) {
          const fault = { operation, mode: 'error', times: 100, ...refused } as const
          const error = await withFault(subject, fault, call)
          const name = vendorCode ?? refused.code
          expect(error, `told ${name}`).toMatchObject({
            name: 'CloudError',
            code: expected,
            vendorCode: name,
          })
          expect(kinds[expected], `told ${name}`).toContain(error?.kind)
          expect(error?.requestId, `told ${name}`).toMatch(/\S/)
          expect(error?.operation, `told ${name}`).toMatch(/\S/)
          expect(error?.message, `told ${name}`).toMatch(/\S/)
          const scopes = error?.kind === 'capacity' ? ['account', 'region', 'zone', 'type'] : [undefined]
          expect(scopes, `told ${name}`).toContain(error?.scope)
        }
      },
    )

    test('what a person must do something about says what', async () => {
      for (const expected of ['auth_failed', 'forbidden', 'capacity', 'quota_exceeded'] as const) {
        const [refused] = subject.dialect.refusals[expected]
        if (refused === undefined) continue
        const fault = { operation, mode: 'error', times: 100, ...refused } as const
        expect((await withFault(subject, fault, call))?.remedy, `refused with ${expected}`).toMatch(/\S/)
      }
    })

    test('silence is a timeout, and worth trying again', async () => {
      const impatient = await subject.reopen({ options: { request_timeout_ms: 300 } })
      const fault = { operation, mode: 'hang', times: 100 } as const
      const error = await withFault(subject, fault, () => refusalOf(() => listBy(impatient))).finally(() =>
        impatient.close(),
      )
      expect(error).toMatchObject({
        code: 'timeout',
        kind: 'retryable',
        remedy: expect.any(String) as string,
      })
    })

    test('a cut connection is the network’s, and worth trying again', async () => {
      const error = await withFault(subject, { operation, mode: 'drop_reply', times: 100 }, call)
      expect(error).toMatchObject({
        code: 'network',
        kind: 'retryable',
        remedy: expect.any(String) as string,
      })
    })
  })
}

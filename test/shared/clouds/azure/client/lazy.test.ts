import { expect, test } from 'vitest'
import { lazily } from '#shared/clouds/azure/client/lazy.ts'

interface Poller extends PromiseLike<string> {
  submitted(): Promise<void>
  pollUntilDone(): Promise<string>
}

/** An SDK's client with an operation of each form, which tells what was asked of it. */
function sdk() {
  const seen: string[] = []
  const group = {
    get: (name: string) => Promise.resolve(seen.push('get')).then(() => name),
    async *list() {
      seen.push('list')
      yield* await Promise.resolve(['a', 'b'])
    },
    make(): Poller {
      seen.push('make')
      const done = () => Promise.resolve(seen.push('followed to its end')).then(() => 'made')
      return {
        // oxlint-disable-next-line unicorn/no-thenable -- as the SDKs' pollers are
        then: (...both) => done().then(...both),
        submitted: () => Promise.resolve(),
        pollUntilDone: done,
      }
    },
  }
  return { seen, client: { things: group } }
}

test('an SDK is loaded at the first call of an operation, and once', async () => {
  const { seen, client } = sdk()
  let loads = 0
  const lazy = lazily(() => {
    loads += 1
    return Promise.resolve(client)
  })
  const { get, list } = lazy.things
  expect(loads).toBe(0)
  expect(await Promise.all([get('x'), get('y')])).toEqual(['x', 'y'])
  expect(await Array.fromAsync(list())).toEqual(['a', 'b'])
  expect(loads).toBe(1)
  expect(seen).toEqual(['get', 'get', 'list'])
})

test('a long-running operation that is only submitted is not followed', async () => {
  const { seen, client } = sdk()
  const { things } = lazily(() => Promise.resolve(client))
  await things.make().submitted()
  expect(seen).toEqual(['make'])
  expect(await things.make().pollUntilDone()).toBe('made')
  expect(seen).toEqual(['make', 'make', 'followed to its end'])
})

test('what could not be loaded is loaded anew by the next call', async () => {
  const { client } = sdk()
  let loads = 0
  const { things } = lazily(() => {
    loads += 1
    return loads === 1 ? Promise.reject(new Error('out of memory')) : Promise.resolve(client)
  })
  await expect(things.get('x')).rejects.toThrow('out of memory')
  expect(await things.get('x')).toBe('x')
})

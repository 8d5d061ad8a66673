import { expect, test } from 'vitest'
import { createFaults } from '#test/clouds/core/faults.ts'

test('a fault hits its operation once, and no other', () => {
  const faults = createFaults()
  faults.inject({ operation: 'RunInstances', mode: 'hang' })
  expect(faults.take('StopInstances')).toBeUndefined()
  expect(faults.take('RunInstances')?.mode).toBe('hang')
  expect(faults.take('RunInstances')).toBeUndefined()
})

test('a fault lets the calls pass that it shall skip, then hits as often as it says', () => {
  const faults = createFaults()
  faults.inject({ operation: 'PutSnapshotBlock', mode: 'error', skip: 2, times: 2 })
  const hits = Array.from({ length: 6 }, () => faults.take('PutSnapshotBlock') !== undefined)
  expect(hits).toEqual([false, false, true, true, false, false])
})

test('a star hits any operation, and the fault injected first goes first', () => {
  const faults = createFaults()
  faults.inject({ operation: '*', mode: 'delay' })
  faults.inject({ operation: 'GetBlob', mode: 'error' })
  expect(['GetBlob', 'GetBlob', 'GetBlob'].map((name) => faults.take(name)?.mode)).toEqual([
    'delay',
    'error',
    undefined,
  ])
})

test('a call that one fault lets pass may be hit by the next', () => {
  const faults = createFaults()
  faults.inject({ operation: 'GetBlob', mode: 'hang', skip: 1 })
  faults.inject({ operation: 'GetBlob', mode: 'error' })
  expect(['1', '2'].map(() => faults.take('GetBlob')?.mode)).toEqual(['error', 'hang'])
})

test('clearing takes all faults away', () => {
  const faults = createFaults()
  faults.inject({ operation: '*', mode: 'hang', times: 100 })
  faults.clear()
  expect(faults.take('GetBlob')).toBeUndefined()
})

test('clearing lets go on what waits for it, and not what comes to wait later', async () => {
  const faults = createFaults()
  const released: string[] = []
  const held = faults.cleared().then(() => released.push('first'))
  faults.clear()
  void faults.cleared().then(() => released.push('second'))
  await held
  await new Promise(setImmediate)
  expect(released).toEqual(['first'])
})

test.each([
  [{ operation: '', mode: 'hang' }, 'fault.operation'],
  [{ operation: 'X', mode: 'explode' }, 'fault.mode must be one of error, hang'],
  [{ operation: 'X', mode: 'hang', times: 0 }, 'fault.times must be at least 1'],
  [{ operation: 'X', mode: 'hang', skip: -1 }, 'fault.skip'],
])('a wrong fault is refused and its field named: %j', (fault, reason) => {
  expect(() => createFaults().inject(fault as never)).toThrow(reason)
})

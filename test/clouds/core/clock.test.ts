import { expect, test } from 'vitest'
import { createLifecycle, eventuallyVisible, manualClock } from '#test/clouds/core/clock.ts'

type State = 'pending' | 'running' | 'stopping' | 'stopped'
const transitions = {
  pending: { to: 'running', afterMs: 200 },
  stopping: { to: 'stopped', afterMs: 300 },
} as const

test('a state passes by itself, exactly when its time has come', () => {
  const clock = manualClock()
  const life = createLifecycle<State>({ transitions, clock }).start('pending')
  clock.advance(199)
  expect(life.state()).toBe('pending')
  clock.advance(1)
  expect(life.state()).toBe('running')
  clock.advance(1_000_000)
  expect(life.state()).toBe('running')
})

test('a state entered on command starts its own time', () => {
  const clock = manualClock(5000)
  const life = createLifecycle<State>({ transitions, clock }).start('pending')
  clock.advance(1000)
  life.enter('stopping')
  clock.advance(299)
  expect(life.state()).toBe('stopping')
  clock.advance(1)
  expect(life.state()).toBe('stopped')
  expect(life.sinceMs()).toBe(6300)
})

test('every state is told of once, also those that passed unseen', () => {
  const clock = manualClock()
  const seen: string[] = []
  const machine = createLifecycle<'a' | 'b' | 'c'>({
    transitions: { a: { to: 'b', afterMs: 10 }, b: { to: 'c', afterMs: 10 } },
    clock,
  })
  const life = machine.start('a', (state) => seen.push(state))
  clock.advance(1000)
  expect([life.state(), life.state(), life.sinceMs()]).toEqual(['c', 'c', 20])
  expect(seen).toEqual(['b', 'c'])
})

test('what was just created is not visible until its delay is over; what was never added is', () => {
  const clock = manualClock()
  const visible = eventuallyVisible(100, clock)
  visible.add('i-1')
  expect([visible.has('i-1'), visible.has('ami-seeded')]).toEqual([false, true])
  clock.advance(100)
  expect(visible.has('i-1')).toBe(true)
})

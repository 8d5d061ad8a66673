import { describe, expect, test } from 'vitest'
import { createBudget } from '#shared/clouds/budget.ts'

function budgetWith({ perSecond = 10, reserve = 5 } = {}) {
  let nowMs = 0
  const budget = createBudget({ perSecond, reserve, now: () => nowMs })
  return { ...budget, advance: (ms: number) => (nowMs += ms) }
}

const times = (count: number, take: () => number): number[] => Array.from({ length: count }, take)

describe('a budget', () => {
  test('holds nothing back before the cloud has said what is left', () => {
    const { takeTurn } = budgetWith()
    expect(Math.max(...times(1000, () => takeTurn(0)))).toBe(0)
  })

  test('lets calls out as they come until the reserve is all that is left, then as fast as it refills', () => {
    const { takeTurn, ended } = budgetWith()
    takeTurn(0)
    ended(8)
    expect(times(6, () => takeTurn(10_000))).toEqual([0, 0, 0, 100, 200, 300])
  })

  test('counts what is under way as spent, and goes by what the cloud says once it has ended', () => {
    const { takeTurn, ended } = budgetWith()
    takeTurn(0)
    ended(7)
    expect(times(3, () => takeTurn(10_000))).toEqual([0, 0, 100])
    // Others use it too.
    ended(2)
    expect(takeTurn(10_000)).toBe(600)
    ended(undefined)
    ended(100)
    expect(takeTurn(0)).toBe(0)
  })

  test('refills with time', () => {
    const { takeTurn, ended, advance } = budgetWith()
    takeTurn(0)
    ended(0)
    expect(takeTurn(10_000)).toBe(600)
    ended(undefined)
    advance(600)
    expect(takeTurn(10_000)).toBe(0)
  })

  test('takes no turn that is later than the caller can wait', () => {
    const { takeTurn, ended } = budgetWith()
    takeTurn(0)
    ended(0)
    expect(times(5, () => takeTurn(500))).toEqual([600, 600, 600, 600, 600])
  })
})

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { defineChain, type Step } from '#shared/jobs/chain.ts'
import { outlines, registerOutline } from '#shared/jobs/outlines.ts'
import { proveChain, undoBelow } from '#shared/jobs/proof.ts'
import { pools } from '#shared/jobs/types.ts'
import { createOutbound } from '#shared/outbound.ts'
import { localKeyring } from '#shared/secrets/keyring.ts'
import { loadChains } from '#workers/chains.ts'

const nothing = async () => {}
const step = (name: string, parts: Partial<Step> = {}): Step => ({
  name,
  effect: 'none',
  run: nothing,
  ...parts,
})
const undo = (...needs: string[]) => ({ needs, run: nothing })

/** Defines a chain as a worker would when it loads. */
function load(steps: Step[], commitStep?: string) {
  const outline = {
    version: 1,
    pool: 'provisioning' as const,
    steps: steps.map(({ name }) => ({ name, weight: 1 })),
  }
  registerOutline('test.proof', commitStep === undefined ? outline : { ...outline, commitStep })
  return defineChain('test.proof', steps)
}

test('a chain in which a step needs what no earlier step gives is refused', () => {
  expect(() => load([step('take', { needs: ['disk'] }), step('make', { gives: ['disk'] })])).toThrow(
    'step "take" needs "disk", which no earlier step gives',
  )
})

test('a chain in which two steps give the same variable is refused', () => {
  expect(() => load([step('make', { gives: ['disk'] }), step('make_again', { gives: ['disk'] })])).toThrow(
    'step "make_again" gives "disk", which step "make" gives already',
  )
})

test('a chain with a side effect that has no undo is refused', () => {
  expect(() => load([step('make', { effect: 'changes', gives: ['disk'] })])).toThrow(
    'step "make" has a side effect and no undo',
  )
})

test("an undo that needs its own step's gift is refused: the step may have failed, or crashed, before it gave it", () => {
  const make = step('make', { effect: 'changes', gives: ['disk'], undo: undo('disk') })
  expect(() => load([make, step('use', { needs: ['disk'] })])).toThrow(
    'the undo of step "make" needs "disk", which is not known when "make" crashed',
  )
})

test('an undo may need what an earlier step gave', () => {
  const plan = step('plan', { gives: ['name'] })
  const make = step('make', { needs: ['name'], effect: 'changes', gives: ['disk'], undo: undo('name') })
  expect(load([plan, make]).steps).toHaveLength(2)
})

test('after the step with which the outcome stands, a side effect needs no undo; that step itself does', () => {
  const make = step('make', { effect: 'changes', undo: undo() })
  const tidy = step('tidy', { effect: 'changes' })
  expect(load([make, step('commit'), tidy], 'commit').commitPosition).toBe(1)
  expect(() => load([make, step('commit', { effect: 'changes' }), tidy], 'commit')).toThrow(
    'step "commit" has a side effect and no undo',
  )
})

test('every fault is named, each once', () => {
  const faults = proveChain({
    steps: [
      step('one', { needs: ['x'], gives: ['a'], effect: 'changes' }),
      step('two', { gives: ['a'], effect: 'changes', undo: undo('b') }),
    ],
    commitPosition: 2,
  })
  expect(new Set(faults).size).toBe(faults.length)
  expect(faults).toEqual(
    expect.arrayContaining([
      'step "one" needs "x", which no earlier step gives',
      'step "two" gives "a", which step "one" gives already',
      'step "one" has a side effect and no undo',
      'the undo of step "two" needs "b", which is not known when "two" failed',
      'what step "one" changed still stands after the undo when "two" cancelled',
    ]),
  )
})

test('a chain whose steps are not those of its outline is refused', () => {
  expect(() => defineChain('vm.start', [step('begin')])).toThrow(
    'has the steps begin; its outline says start',
  )
})

test('the way back visits every step that has an undo, last first', () => {
  const steps = [step('one', { undo: undo() }), step('two'), step('three', { undo: undo() }), step('four')]
  expect(undoBelow({ steps }, 4)).toBe(2)
  expect(undoBelow({ steps }, 2)).toBe(0)
  expect(undoBelow({ steps }, 0)).toBeUndefined()
})

test('every chain that a worker can serve is sound, and there is one for every outline', async () => {
  const chains = await loadChains(pools, {
    keyring: localKeyring([randomBytes(32)]),
    outbound: createOutbound({ allowPrivate: false }),
  })
  for (const chain of chains) expect(proveChain(chain)).toEqual([])
  expect(chains.map(({ kind }) => kind).toSorted()).toEqual(Object.keys(outlines).toSorted())
})

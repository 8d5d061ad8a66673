import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { thisProcess } from '#shared/clouds/onprem/holder.ts'
import { createRecordStore } from '#shared/clouds/onprem/record-store.ts'
import { processOf } from '#shared/clouds/onprem/qemu/process.ts'
import { withCallScope } from '#shared/clouds/scope.ts'
import { createTurns } from '#shared/clouds/onprem/turns.ts'
import { labRecords } from '#test/shared/clouds/onprem/lab-records.ts'

describe('turns between processes', () => {
  let lab: Awaited<ReturnType<typeof labRecords>>
  beforeAll(async () => {
    lab = await labRecords()
  })
  afterAll(() => lab.close())
  const turns = () => createTurns(lab.open(), 'alpha')

  test('never do two work under one name, and nothing is left of it', async () => {
    let working = 0
    let most = 0
    const work = async () => {
      most = Math.max(most, (working += 1))
      await delay(2)
      working -= 1
    }
    await Promise.all(Array.from({ length: 12 }, () => turns().alone('same', work)))
    expect(most).toBe(1)
    expect(await lab.open().list('turn')).toEqual([])
  })

  test('who works under another name does not wait', async () => {
    const order: string[] = []
    await turns().alone('one', () =>
      turns().alone('other', async () => {
        order.push(await Promise.resolve('inner'))
      }),
    )
    expect(order).toEqual(['inner'])
  })

  test('an error frees the turn', async () => {
    const fails = turns().alone('failing', () => Promise.reject(new Error('no')))
    await expect(fails).rejects.toThrow('no')
    expect(await turns().held('failing')).toBe(false)
    expect(await turns().alone('failing', () => Promise.resolve('next'))).toBe('next')
  })

  test('the turn of a dead worker is taken over once its time is up, by one alone', async () => {
    await lab.open().insert('turn', 'stale', { by: 'dead', untilMs: Date.now() - 1 })
    expect(await turns().held('stale')).toBe(false)
    let working = 0
    const work = async () => {
      expect((working += 1)).toBe(1)
      await delay(5)
      working -= 1
    }
    await Promise.all(Array.from({ length: 6 }, () => turns().alone('stale', work)))
    expect(await lab.open().list('turn')).toEqual([])
  })

  test('the turn of a process that is gone from this machine is taken over at once', async () => {
    const program = `import { thisProcess } from '#shared/clouds/onprem/holder.ts'; console.log(JSON.stringify(await thisProcess()))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
    const dead = { by: 'dead', untilMs: Date.now() + 60_000 }
    await lab.open().insert('turn', 'orphaned', { ...dead, holder: JSON.parse(stdout) as unknown })
    const [own, parent] = [await thisProcess(), await processOf(process.ppid)]
    await lab.open().insert('turn', 'alive', { ...dead, holder: { ...own, ...parent } })
    expect(await turns().held('orphaned')).toBe(false)
    expect(await turns().held('alive')).toBe(true)
    expect(await turns().alone('orphaned', () => Promise.resolve('done'))).toBe('done')
    await lab.open().remove('turn', 'alive')
  })

  test('a turn of this process that nobody in it knows of, cut off before it was known, is over at once', async () => {
    const cutOff = { by: 'nobody', untilMs: Date.now() + 60_000, holder: await thisProcess() }
    await lab.open().insert('turn', 'cut-off', cutOff)
    expect(await turns().held('cut-off')).toBe(false)
    expect(await turns().alone('cut-off', () => turns().held('cut-off'))).toBe(true)
    expect(await lab.open().list('turn')).toEqual([])
  })

  test('a turn whose step has ended is given back all the same', async () => {
    const step = new AbortController()
    const scope = { signal: step.signal, beforeCall: () => step.signal.throwIfAborted() }
    const work = async () => step.abort(new Error('cancelled'))
    await withCallScope(scope, () => turns().alone('given-back', work))
    expect(await lab.open().list('turn')).toEqual([])
  })

  test('a turn whose holder lives is not taken over, however long the work lasts', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] })
    try {
      let end = () => {}
      const long = turns().alone(
        'long',
        () =>
          new Promise<void>((resolve) => {
            end = resolve
          }),
      )
      await vi.waitFor(async () => expect(await turns().held('long')).toBe(true))
      for (let minute = 0; minute < 6; minute++) {
        await vi.advanceTimersByTimeAsync(10_000)
        await vi.waitFor(async () => {
          const turn = (await lab.open().get('turn', 'long')) as { untilMs: number }
          expect(turn.untilMs).toBeGreaterThan(Date.now() + 10_000)
        })
      }
      expect(await turns().held('long')).toBe(true)
      end()
      await long
    } finally {
      vi.useRealTimers()
    }
  })

  test('changes of one record from many sides all arrive', async () => {
    await createRecordStore(lab.open(), 'alpha').put('lease', 'counter', { vm: '0' })
    const add = () =>
      createRecordStore(lab.open(), 'alpha').change('lease', 'counter', ({ vm }) => ({
        vm: String(Number(vm) + 1),
      }))
    await Promise.all(Array.from({ length: 10 }, add))
    expect(await createRecordStore(lab.open(), 'alpha').get('lease', 'counter')).toEqual({ vm: '10' })
  })

  test('what is not there is not changed, and no change writes nothing', async () => {
    const store = createRecordStore(lab.open(), 'alpha')
    expect(await store.change('lease', 'nowhere', () => ({ vm: 'x' }))).toBeUndefined()
    await store.put('lease', 'same', { vm: '1' })
    expect(await store.change('lease', 'same', (body) => body)).toEqual({ vm: '1' })
  })
})

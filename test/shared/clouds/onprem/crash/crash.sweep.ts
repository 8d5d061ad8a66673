import { expect, test } from 'vitest'
import {
  dieAndTakeUp,
  moves,
  movesWithSnapshots,
  resizes,
  scenes,
} from '#test/shared/clouds/onprem/crash/lab.ts'
import { runWorker } from '#test/shared/clouds/onprem/crash/worker.ts'
import { onQemu } from '#test/shared/clouds/onprem/on-qemu.ts'

onQemu('on-premise workers that die at every call', (subject) => {
  // Some eighty deaths each take minutes, and those of a move three.
  const short = new Set<string>(['create', 'snapshot', 'resize'])
  const every = [...scenes, ...resizes, ...moves, ...movesWithSnapshots]
  test.for(process.env['SWEEPS'] === 'all' ? every : every.filter(({ work }) => short.has(work)))(
    'of $work, before and after it: it is $ends by the next one, once',
    { timeout: 1_200_000 },
    async (scene) => {
      const { request, finish } = await scene.prepare(subject)
      const { calls } = await runWorker({ settings: subject.settings, work: scene.work, request })
      await finish()
      const points = calls.flatMap((call, index) =>
        (['before', 'after'] as const).map((when) => ({ call, death: { call: index + 1, when } })),
      )
      let deaths = 0
      for (const { call, death } of points) {
        const died = await dieAndTakeUp(subject, scene, death).catch((error: unknown) => {
          throw new Error(`died ${death.when} call ${death.call}, ${call}`, { cause: error })
        })
        if (died) deaths += 1
      }
      // Not every run makes as many calls: a fast guest is asked less often.
      expect(deaths).toBeGreaterThan(points.length * 0.9)
    },
  )

  test.for(moves)(
    'of a live move before the guest goes on there: it is $ends by the next one, and the guest runs once, where it is to be',
    async (scene) => {
      expect(await dieAndTakeUp(subject, scene, { call: 'migrate-continue', when: 'before' })).toBe(true)
    },
  )

  test.for(movesWithSnapshots.filter(({ ends }) => ends !== 'finished'))(
    'while the snapshots of a VM are copied: the move is $ends by the next one, and each is there once and whole',
    async (scene) => {
      const copying = { call: 'nbd write', host: 'beta', resource: 'snap-', when: 'after' } as const
      expect(await dieAndTakeUp(subject, scene, copying)).toBe(true)
    },
  )
})

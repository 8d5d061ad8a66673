import { expect, test } from 'vitest'
import {
  dieAndTakeUp,
  moves,
  movesWithSnapshots,
  resizes,
  scenes,
} from '#test/shared/clouds/onprem/crash/lab.ts'
import type { Death } from '#test/shared/clouds/onprem/crash/worker.ts'
import { onQemu } from '#test/shared/clouds/onprem/on-qemu.ts'

/** One point in the middle; crash.sweep.ts goes through all, and through other work. */
const death: Death = { call: 'cont', when: 'before' }

onQemu('an on-premise worker that dies', (subject) => {
  test('in the middle of making a VM: the next one finishes it once, and nothing is left over', async () => {
    const making = scenes.find(({ work }) => work === 'create')
    if (!making) throw new Error('there is no such scene')
    expect(await dieAndTakeUp(subject, making, death)).toBe(true)
    expect(subject.loopback.residue().filter(({ kind }) => kind === 'vm')).toEqual([])
  })

  test('leaves a VM that is finished on its host, though that takes no new ones since', async () => {
    const { cloud, region } = subject
    const making = scenes.find(({ work }) => work === 'create')
    if (!making) throw new Error('there is no such scene')
    const host = { region, id: 'alpha' }
    const outOfService = async () => cloud.hosts.setMaintenance(host, true)
    expect(
      await dieAndTakeUp(subject, making, { call: 'qemu-img convert', when: 'before' }, outOfService),
    ).toBe(true)
    await cloud.hosts.setMaintenance(host, false)
  })

  test.for(resizes)(
    'when a guest has got the first of two vCPUs: both are there or none, and record, spec and machine agree ($ends)',
    async (scene) => {
      expect(await dieAndTakeUp(subject, scene, { call: 'device_add', when: 'after' })).toBe(true)
    },
  )

  test.for(moves)(
    'of a live move before the guest is gone here: it is $ends by the next one, and the guest runs once, where it is to be',
    async (scene) => {
      expect(await dieAndTakeUp(subject, scene, { call: 'quit', when: 'before' })).toBe(true)
    },
  )

  test.for(movesWithSnapshots.filter(({ ends }) => ends === 'finished'))(
    'while the snapshots of a VM are handed over: the move is $ends by the next one, and each is there once and whole',
    async (scene) => {
      const removing = { call: 'unlink', host: 'alpha', resource: 'snap-', when: 'after' } as const
      expect(await dieAndTakeUp(subject, scene, removing)).toBe(true)
    },
  )
})

import { expect, test } from 'vitest'
import type { World } from '#test/workers/resources/world.ts'

/** Images, through the API and to a cloud. */
export function imageSuite(current: () => World): void {
  test('an image is made of a VM, and deleted with all that it is made of', async () => {
    const world = current()
    const vm = await world.runVm()
    const vmPath = `/vms/${String(vm['id'])}`
    await world.post(`${vmPath}/stop`)
    const made = await world.post('/images', { vm_id: vm['id'], name: 'golden' })
    expect(made.body).toMatchObject({
      job: { state: 'succeeded' },
      warnings: [],
      image: { state: 'available', vm_id: vm['id'], public: false },
    })
    const path = `/images/${String(made.body['image']?.['id'])}`
    expect((await world.delete(path)).body).toMatchObject({ image: { state: 'deleted' } })
    expect(world.residueOf(made.body['job']?.['id'])).toEqual([])
    await world.delete(vmPath)
  })
}

import { afterAll, describe, expect, test } from 'vitest'
import {
  intentOf,
  newJob,
  removeAll,
  runVm,
  until,
  untilGone,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'
import { listedAs } from '#test/shared/clouds/conformance/things.ts'

/** Public addresses that are kept. `subject` is filled before the tests run. */
export function addresses(subject: Subject): void {
  describe('addresses', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))
    const make = (name: string) =>
      subject.cloud.networks.addresses.create({ ...intentOf(job), region: subject.region, name })

    test('a kept address leads to a VM, is not given up while it does, and outlives it', async () => {
      const { cloud, region } = subject
      const { addresses: kept } = cloud.networks
      const address = await make('front door')
      const { ip } = await until('the address to be given', async () => {
        const seen = await kept.get(address)
        return seen?.ip !== undefined && seen
      })
      expect(ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
      expect(await listedAs(address, () => kept.list({ region }))).toEqual([await kept.get(address)])

      const vm = await runVm(subject, job)
      await kept.associate(address, vm)
      await kept.associate(address, vm)
      await until('the VM to be reached by it', async () => (await cloud.compute.get(vm))?.publicIp === ip)
      expect(await kept.get(address)).toMatchObject({ ip, vm: vm.id })
      await expect(kept.delete(address)).rejects.toMatchObject({ code: 'conflict' })

      await kept.disassociate(address)
      await kept.disassociate(address)
      await until('the VM to have lost it', async () => (await cloud.compute.get(vm))?.publicIp !== ip)
      await kept.associate(address, vm)
      await cloud.compute.delete(vm)
      await untilGone(cloud, vm)
      const free = await until('the address to be free', async () => {
        const seen = await kept.get(address)
        return seen?.vm === undefined && seen
      })
      expect(free.ip).toBe(ip)
      await kept.delete(address)
      await kept.delete(address)
      expect(await kept.get(address)).toBeUndefined()
    })
  })
}

import { afterAll, describe, expect, test } from 'vitest'
import { openSite } from '#shared/clouds/onprem/hosts.ts'
import { sampleHosts } from '#shared/clouds/onprem/metrics/metrics.ts'
import { samplesIn } from '#shared/clouds/onprem/metrics/samples.ts'
import { parseOnPremSettings } from '#shared/clouds/onprem/settings.ts'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { newJob, runVm, untilGone, untilState } from '#test/shared/clouds/conformance/subject.ts'
import { openSubject } from '#test/shared/clouds/onprem/qemu/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const hypervisor = await findHypervisor()

describe.skipIf('reason' in hypervisor)(
  `samples of VMs${'reason' in hypervisor ? ` (${hypervisor.reason})` : ''}`,
  () => {
    const job = newJob()
    const subject = useSubject(openSubject, { job })
    let close: () => void = () => undefined
    afterAll(() => close())

    test('every tick samples each VM that runs, and what was measured of a VM goes with it', async () => {
      const { cloud, region, settings } = subject
      const site = await openSite(parseOnPremSettings(settings))
      close = site.close
      const vm = await runVm(subject, job)
      expect(await sampleHosts(site)).toEqual({ sampled: 1, failed: 0 })
      expect(await sampleHosts(site)).toEqual({ sampled: 1, failed: 0 })
      const found = await site.find('vm', vm.id, region)
      const [first, second, ...more] = samplesIn(await found?.host.records.get('metrics', vm.id))
      expect(more).toEqual([])
      expect(second?.atMs).toBeGreaterThan(first?.atMs ?? Infinity)
      expect(second?.cpuTimeMs).toBeGreaterThanOrEqual(first?.cpuTimeMs ?? Infinity)

      await cloud.compute.stop(vm)
      await untilState(cloud, vm, 'stopped')
      await sampleHosts(site)
      expect(samplesIn(await found?.host.records.get('metrics', vm.id))).toHaveLength(2)
      await cloud.compute.delete(vm)
      await untilGone(cloud, vm)
      expect(await found?.host.records.get('metrics', vm.id)).toBeUndefined()
      expect(await found?.host.records.list('usage')).toContainEqual(
        expect.objectContaining({ body: expect.objectContaining({ resource: vm.id }) as object }),
      )
    })
  },
)

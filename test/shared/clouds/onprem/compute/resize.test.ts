import { afterEach, expect, test } from 'vitest'
import { openSite } from '#shared/clouds/onprem/hosts.ts'
import { parseOnPremSettings } from '#shared/clouds/onprem/settings.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'
import { newJob, removeAll, runVm } from '#test/shared/clouds/conformance/subject.ts'
import { sizeOf } from '#test/shared/clouds/onprem/compute/agree.ts'
import { onQemu } from '#test/shared/clouds/onprem/on-qemu.ts'

const live = { live: true }

onQemu('a running VM', (subject) => {
  const job = newJob()
  afterEach(() => removeAll(subject, job))
  const usedOf = async () => {
    const quotas = await Array.fromAsync(await subject.cloud.quotas.list(subject.region))
    return Object.fromEntries(quotas.map(({ id, used }) => [id, used]))
  }
  /** The registration with other fields of its hosts. */
  const withHosts = (changes: object): CloudSettings => {
    const { options } = subject.settings
    const hosts = (options['hosts'] as object[]).map((host) => ({ ...host, ...changes }))
    return { ...subject.settings, options: { ...options, hosts } }
  }

  test('grows into its room while it runs, and only what it has is counted and billed', async () => {
    const { cloud } = subject
    const before = await usedOf()
    const vm = await runVm(subject, job)
    expect(await sizeOf(subject, vm)).toMatchObject({ vcpus: 1, maxVcpus: 4, maxMemoryMib: 1024 })
    expect(await usedOf()).toMatchObject({
      vcpus: (before['vcpus'] ?? 0) + 1,
      memory: (before['memory'] ?? 0) + 256,
    })
    await cloud.compute.resize(vm, 'custom-3-256', live)
    await cloud.compute.resize(vm, 'custom-3-256', live)
    expect(await cloud.compute.get(vm)).toMatchObject({ state: 'running', instanceType: 'custom-3-256' })
    expect(await sizeOf(subject, vm)).toMatchObject({ type: 'custom-3-256', vcpus: 3, maxVcpus: 4 })
    expect(await usedOf()).toMatchObject({ vcpus: (before['vcpus'] ?? 0) + 3 })

    // The bill has it once as it was and once as it is.
    const today = new Date(Math.floor(Date.now() / 86_400_000) * 86_400_000)
    const rows = await Array.fromAsync(
      cloud.billing.rows({ from: today, to: new Date(today.getTime() + 86_400_000) }),
    )
    const ours = rows.filter(({ ResourceId }) => ResourceId === vm.id)
    expect(ours.map(({ SkuId }) => SkuId ?? '').toSorted()).toEqual(['custom-3-256', 'tiny'])
  })

  test('that would have to be stopped for it says so, and is as it was', async () => {
    const { cloud } = subject
    const vm = await runVm(subject, job)
    const before = await sizeOf(subject, vm)
    for (const [size, why] of [
      ['small', 'does not take the memory'],
      ['custom-5-256', 'with room for 4 vCPU'],
      ['custom-1-2048', 'with room for 1024 MiB'],
      ['custom-1-128', 'started with it'],
    ] as const) {
      await expect(cloud.compute.resize(vm, size, live)).rejects.toMatchObject({
        code: 'conflict',
        kind: 'permanent',
        message: expect.stringContaining(why) as string,
        remedy: expect.stringContaining('Stop it') as string,
      })
      expect(await sizeOf(subject, vm)).toEqual(before)
    }
    await cloud.compute.resize(vm, 'custom-2-256', live)
    await expect(cloud.compute.resize(vm, 'tiny', live)).rejects.toMatchObject({
      message: expect.stringContaining('vCPUs are taken from a machine that is off') as string,
    })
    expect(await sizeOf(subject, vm)).toMatchObject({ type: 'custom-2-256', vcpus: 2 })
  })

  test('does not get what its host has not got to give', async () => {
    const vm = await runVm(subject, job)
    const full = await subject.reopen({
      options: withHosts({ capacity: { vcpus: 1, memory_mib: 4096 }, overcommit: { vcpus: 1 } }).options,
    })
    await expect(full.compute.resize(vm, 'custom-2-256', live)).rejects.toMatchObject({ code: 'capacity' })
    full.close()
    expect(await sizeOf(subject, vm)).toMatchObject({ type: 'tiny', vcpus: 1 })
  })

  test('that has grown moves to another host as large as it is, and starts there with new room', async () => {
    const { cloud } = subject
    const vm = await runVm(subject, job)
    await cloud.compute.resize(vm, 'custom-2-256', live)
    const zone = vm.zone === 'alpha' ? 'beta' : 'alpha'
    expect(await cloud.hosts.relocate(vm, { zone, maxDowntimeMs: 10_000 })).toMatchObject({
      zone,
      live: true,
    })
    expect(await sizeOf(subject, vm)).toMatchObject({ type: 'custom-2-256', vcpus: 2, maxVcpus: 4 })
    await cloud.compute.resize(vm, 'custom-3-256', live)
    await cloud.compute.stop(vm)
    await cloud.compute.start(vm)
    expect(await sizeOf(subject, vm)).toMatchObject({ type: 'custom-3-256', vcpus: 3, maxVcpus: 12 })
  })

  test('has as much room as its host’s settings say at its start', async () => {
    const vm = await runVm(subject, job)
    const settings = withHosts({ headroom: { vcpus: 1.5, memory: 1 } })
    const modest = await subject.reopen({ options: settings.options })
    await modest.compute.stop(vm)
    await modest.compute.resize(vm, 'custom-4-256')
    await modest.compute.start(vm)
    expect(await sizeOf(subject, vm)).toMatchObject({ vcpus: 4, maxVcpus: 6, maxMemoryMib: 256 })
    modest.close()
    await subject.cloud.compute.stop(vm)
    await subject.cloud.compute.start(vm)
    expect(await sizeOf(subject, vm)).toMatchObject({ vcpus: 4, maxVcpus: 16, maxMemoryMib: 1024 })
  })

  test('of which the record says that it is half way is finished, or taken back, by whoever comes next', async () => {
    const { cloud, region } = subject
    const vm = await runVm(subject, job)
    const site = await openSite(parseOnPremSettings(subject.settings))
    const claim = async () => {
      const host = (await site.find('vm', vm.id, region))?.host
      await host?.records.change('vm', vm.id, (body) => ({
        ...body,
        vcpus: 3,
        resizing: { vcpus: body.vcpus, memoryMib: body.memoryMib },
      }))
    }
    await claim()
    expect(await cloud.compute.get(vm)).toMatchObject({ instanceType: 'tiny' })
    await cloud.compute.resize(vm, 'tiny', live)
    expect(await sizeOf(subject, vm)).toMatchObject({ type: 'tiny', vcpus: 1 })
    // What cannot be had leaves it as it was before either of them.
    await claim()
    await expect(cloud.compute.resize(vm, 'small', live)).rejects.toMatchObject({ code: 'conflict' })
    expect(await sizeOf(subject, vm)).toMatchObject({ type: 'tiny', vcpus: 1 })
    await claim()
    await cloud.compute.resize(vm, 'custom-3-256', live)
    expect(await sizeOf(subject, vm)).toMatchObject({ type: 'custom-3-256', vcpus: 3 })
    site.close()
  })
})

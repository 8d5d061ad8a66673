import { expect, onTestFinished, test, type TestContext } from 'vitest'
import { createQemuHost, type QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { withAgent } from '#shared/clouds/onprem/qemu/machines/agent.ts'
import type { Cloud, CloudRef, CloudVm } from '#shared/clouds/port.ts'
import { needsRecovery } from '#test/clouds/guest/ext4.ts'
import { intentOf, rootOf } from '#test/shared/clouds/conformance/subject.ts'
import { runWorker, type Death } from '#test/shared/clouds/onprem/crash/worker.ts'
import { job, region, type ImageLab } from '#test/shared/clouds/onprem/images/lab.ts'
import { bootMs, linuxLab, startVm } from '#test/shared/clouds/onprem/qemu/linux-lab.ts'

const timeout = 2 * bootMs

test(
  'a snapshot of a running VM whose agent answers has a clean file system; without the agent it is as after a power failure',
  { timeout },
  async (context) => {
    const { cloud, open, vm, frozen } = await writingVm(context)
    expect(await recovers(cloud, await cloud.disks.createSnapshot(wishFor(vm)))).toBe(false)
    expect(await frozen()).toBe('thawed')

    const agentless = await open(({ operation }, send) =>
      operation === 'guest-sync-delimited' ? Promise.reject(new Error('no agent')) : send(),
    )
    expect(await recovers(cloud, await agentless.disks.createSnapshot(wishFor(vm)))).toBe(true)
  },
)

test.for([
  { who: 'its guard', alone: true, left: 'thawed' },
  { who: 'the next worker, if its guard died with it', alone: false, left: 'frozen' },
])(
  'the guest of a worker that dies between freeze and thaw is thawed by $who',
  { timeout },
  async ({ alone, left }, context) => {
    const { cloud, settings, vm, frozen } = await writingVm(context)
    const request = wishFor(vm)
    for (const when of ['before', 'after'] as const) {
      const death: Death = { call: 'transaction', when, alone }
      expect((await runWorker({ settings, work: 'snapshot', request, death })).died).toBe(true)
      await expect.poll(frozen, { timeout: 10_000 }).toBe(left)
    }
    const snapshot = await cloud.disks.createSnapshot(request)
    expect(await frozen()).toBe('thawed')
    expect(await recovers(cloud, snapshot)).toBe(false)
  },
)

test(
  'no guest stays frozen for longer than the bound, even if its worker stands still',
  { timeout },
  async (context) => {
    const { open, vm, frozen } = await writingVm(context)
    const held = Promise.withResolvers<void>()
    const slow = await open(async ({ operation }, send) => {
      if (operation === 'transaction') await held.promise
      return send()
    })
    const taking = slow.disks.createSnapshot(wishFor(vm))
    await expect.poll(frozen, { timeout: 30_000 }).toBe('frozen')
    await expect.poll(frozen, { timeout: 30_000, interval: 500 }).toBe('thawed')
    held.resolve()
    await taking
  },
)

const recovers = async ({ disks }: Cloud, snapshot: CloudRef): Promise<boolean> =>
  needsRecovery(await disks.openSnapshot(snapshot))

const wishFor = (vm: CloudVm) => ({
  ...intentOf(job),
  region,
  vm: { region, id: vm.id },
  disk: rootOf(vm),
})

/** The tiny Linux, writing to its disk all the time, and what its agent says of its file systems. */
async function writingVm(context: TestContext) {
  const lab = await linuxLab(context, 'bios', { agent: true })
  const vm = await startVm(lab, '(while :; do date > /mnt/var/now; usleep 50000; done) &')
  onTestFinished(() => lab.cloud.compute.delete(vm))
  const host = hostOf(lab, vm)
  const frozen = async () =>
    (await withAgent(host, vm.id, (agent) => agent.execute<string>('guest-fsfreeze-status'))) ?? 'silent'
  await expect.poll(frozen, { timeout: 60_000 }).toBe('thawed')
  return { ...lab, vm, frozen }
}

function hostOf({ site }: ImageLab, { zone = '' }: CloudVm): QemuHost {
  const host = site.byZone(zone)
  if (!host) throw new Error(`there is no host ${zone}`)
  return createQemuHost(host.settings, {
    name: zone,
    gate: (_, send) => send(new AbortController().signal),
    passphrase: site.passphrase,
    shutdownGraceMs: 50,
    requestTimeoutMs: 20_000,
  })
}

import { waitForVm } from '#shared/clouds/wait.ts'
import { removeOwned } from '#workers/undo-owned.ts'
import { step } from '#workers/migration/step.ts'

/** Makes the VM at the destination from the copied disks and waits until it runs. */
export const createVm = step('create_vm', {
  needs: ['source', 'target', 'guest', 'disks', 'proofs'],
  gives: ['destination'],
  effect: 'changes',
  async run(context, { source, target, guest, disks }) {
    const cloud = await context.cloud(target.providerId)
    const request = {
      token: context.token('vm'),
      tags: { ...source.tags, ...context.tags() },
      region: target.region,
      ...(target.zone ? { zone: target.zone } : {}),
      name: target.name,
      instanceType: target.instanceType,
      boot: { disks, firmware: guest.firmware, architecture: source.architecture },
      ...(target.keyPair ? { keyPair: target.keyPair } : {}),
      ...(target.securityGroups ? { securityGroups: target.securityGroups } : {}),
    }
    const vm = await cloud.compute.create(request)
    const destination = { region: vm.region, id: vm.id }
    await waitForVm(cloud, destination, ['running'], { signal: context.signal, timeoutMs: 15 * 60_000 })
    // The same intent once more: now that it runs, the cloud lets go of what the disks passed through (AWS: an image, its snapshots).
    await cloud.compute.create(request)
    return { destination }
  },
  undo: {
    needs: ['target'],
    run: (context, { target }) =>
      removeOwned(context, { providerId: target.providerId, region: target.region }),
  },
})

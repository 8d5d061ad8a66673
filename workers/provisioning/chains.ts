import { defineChain, type Chain } from '#shared/jobs/chain.ts'
import { awaitRunning, create, resolve } from '#workers/provisioning/create.ts'
import { remove } from '#workers/provisioning/delete.ts'
import { hostChains } from '#workers/hosts/chains.ts'
import { relocate } from '#workers/hosts/relocate.ts'
import { mirrorCreation } from '#workers/provisioning/mirror.ts'
import { restart, start, stop } from '#workers/provisioning/power.ts'
import * as resizing from '#workers/provisioning/resize.ts'
import { resizeLive } from '#workers/provisioning/resize-live.ts'
import { resume, suspend } from '#workers/provisioning/suspend.ts'
import { setTags } from '#workers/provisioning/tags.ts'
import { resourceChains } from '#workers/resources/chains.ts'
import type { CreateVars } from '#workers/provisioning/types.ts'

/** The chains of the `provisioning` pool. */
export const provisioningChains: readonly Chain[] = [
  defineChain('vm.create', [resolve, create, awaitRunning], {
    mirror: mirrorCreation,
    output: (vars) => {
      const { instance_type, vm } = vars as unknown as CreateVars
      return { cloud_vm_id: vm.id, region: vm.region, instance_type }
    },
  }),
  defineChain('vm.delete', [remove]),
  defineChain('vm.start', [start]),
  defineChain('vm.stop', [stop]),
  defineChain('vm.restart', [restart]),
  defineChain('vm.suspend', [suspend]),
  defineChain('vm.resume', [resume]),
  defineChain('vm.update', [setTags]),
  defineChain(
    'vm.resize',
    [resizing.inspect, setTags, resizeLive, resizing.stop, resizing.resize, resizing.start],
    {
      output: ({ wanted, live }) => ({ resize: { instance_type: wanted, live } }),
    },
  ),
  defineChain('vm.relocate', [relocate], { output: ({ relocation }) => ({ relocation }) }),
  ...hostChains,
  ...resourceChains,
]

import { defineChain, type Chain } from '#shared/jobs/chain.ts'
import { adapt } from '#workers/migration/adapt.ts'
import { bootCheck } from '#workers/migration/boot-check.ts'
import { cleanUp } from '#workers/migration/clean-up.ts'
import { commit } from '#workers/migration/commit.ts'
import { copy } from '#workers/migration/copy.ts'
import { createDisk } from '#workers/migration/create-disk.ts'
import { createVm } from '#workers/migration/create-vm.ts'
import { mirrorMigration } from '#workers/migration/mirror.ts'
import { preflight } from '#workers/migration/preflight.ts'
import { snapshot } from '#workers/migration/snapshot.ts'
import { stopSource } from '#workers/migration/stop-source.ts'
import type { MigrationVars } from '#workers/migration/types.ts'
import { verify } from '#workers/migration/verify.ts'

/**
 * A cold migration. Everything up to `commit` can be taken back: the destination is emptied and the source's power state restored. After it
 * the destination is the VM, and what `clean_up` cannot remove is reported as residue.
 */
export const coldMigration = defineChain(
  'migration.cold',
  [preflight, stopSource, snapshot, createDisk, copy, verify, adapt, createVm, bootCheck, commit, cleanUp],
  {
    mirror: mirrorMigration,
    output: (vars) => {
      const { destination, target, proofs, boot, adaptation, findings } = vars as unknown as MigrationVars
      return {
        destination_vm_id: destination.id,
        destination_provider_id: target.providerId,
        destination_region: destination.region,
        instance_type: target.instanceType,
        disks: proofs,
        boot,
        adaptation,
        findings,
      }
    },
  },
)

export const migrationChains: readonly Chain[] = [coldMigration]

import { defineChain, type Chain } from '#shared/jobs/chain.ts'
import { resourceKinds, type ResourceKind } from '#shared/resources/kinds.ts'
import { changes } from '#workers/resources/changes.ts'
import { awaitReady, createStep, createSubnets, type CreateVars } from '#workers/resources/create.ts'
import { deleteStep } from '#workers/resources/delete.ts'
import {
  awaitExport,
  awaitImport,
  outputOfExport,
  startExport,
  startImport,
} from '#workers/resources/image-tasks.ts'
import { mirrorCreation, mirrorDeletion } from '#workers/resources/mirror.ts'
import * as restore from '#workers/resources/restore.ts'

/** `network_id` or the like is our id of what was made, `cloud_id` the cloud's. */
const outputOfCreation = (kind: ResourceKind) => ({
  mirror: mirrorCreation,
  output: (vars: Record<string, unknown>, subject: string) => {
    const { ref } = vars as unknown as CreateVars
    return { [`${kind}_id`]: subject, cloud_id: ref.id, region: ref.region }
  },
})

const creation = (kind: ResourceKind): Chain =>
  defineChain(
    `${kind}.create`,
    kind === 'network'
      ? [createStep(kind), createSubnets, awaitReady(kind)]
      : [createStep(kind), awaitReady(kind)],
    outputOfCreation(kind),
  )

/** The chains that make, change and remove what tenants have beside VMs. */
export const resourceChains: readonly Chain[] = [
  ...resourceKinds.map(creation),
  ...resourceKinds.map((kind) =>
    defineChain(`${kind}.delete`, [deleteStep(kind)], { mirror: mirrorDeletion }),
  ),
  ...changes.map(({ kind, verb, step }) => defineChain(`${kind}.${verb}`, [step])),
  defineChain('image.import', [startImport, awaitImport, awaitReady('image')], outputOfCreation('image')),
  defineChain('image.export', [startExport, awaitExport], { output: outputOfExport }),
  defineChain('snapshot.restore', [
    restore.inspect,
    restore.createDisks,
    restore.stop,
    restore.swap,
    restore.start,
    restore.commit,
    restore.cleanUp,
  ]),
]

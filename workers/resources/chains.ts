import { defineChain, type Chain } from '#shared/jobs/chain.ts'
import { resourceKinds, type ResourceKind } from '#shared/resources/kinds.ts'
import { changes } from '#workers/resources/changes.ts'
import { awaitReady, createStep, createSubnets, type CreateVars } from '#workers/resources/create.ts'
import { deleteStep } from '#workers/resources/delete.ts'
import { awaitExport, awaitImport, startExport, startImport } from '#workers/resources/image-tasks.ts'
import { mirrorCreation, mirrorDeletion } from '#workers/resources/mirror.ts'
import * as restore from '#workers/resources/restore.ts'

const outputOfCreation = {
  mirror: mirrorCreation,
  output: (vars: Record<string, unknown>) => {
    const { ref } = vars as unknown as CreateVars
    return { cloud_id: ref.id, region: ref.region }
  },
}

const creation = (kind: ResourceKind): Chain =>
  defineChain(
    `${kind}.create`,
    kind === 'network'
      ? [createStep(kind), createSubnets, awaitReady(kind)]
      : [createStep(kind), awaitReady(kind)],
    outputOfCreation,
  )

/** The chains that make, change and remove what tenants have beside VMs. */
export const resourceChains: readonly Chain[] = [
  ...resourceKinds.map(creation),
  ...resourceKinds.map((kind) =>
    defineChain(`${kind}.delete`, [deleteStep(kind)], { mirror: mirrorDeletion }),
  ),
  ...changes.map(({ kind, verb, step }) => defineChain(`${kind}.${verb}`, [step])),
  defineChain('image.import', [startImport, awaitImport, awaitReady('image')], outputOfCreation),
  defineChain('image.export', [startExport, awaitExport]),
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

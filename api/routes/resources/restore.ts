import { z } from '@hono/zod-openapi'
import { CloudResource } from '#db/entities/resource.ts'
import { MulticloudVm } from '#db/entities/vm.ts'
import { assertProviderCan } from '#api/http/capability.ts'
import { command } from '#api/http/command.ts'
import { endpoint, type Call } from '#api/http/endpoint.ts'
import { afterWait } from '#api/http/prefer.ts'
import { ApiError, invalid } from '#api/http/problem.ts'
import { links, warnings } from '#api/http/schemas.ts'
import { loadJobView } from '#api/routes/load.ts'
import { encryptionOf, idField, nameField } from '#api/routes/resources/body.ts'
import { findResource, providerFor, resourceQuery } from '#api/routes/resources/find.ts'
import { kindsOfRoutes } from '#api/routes/resources/kinds.ts'
import { madeVm } from '#api/routes/resources/on-vm.ts'
import { submitCreation } from '#api/routes/resources/submit.ts'
import { volumeFields } from '#api/routes/resources/volumes.ts'
import { assertIdle } from '#api/routes/vm-actions.ts'
import { findVm, workOn } from '#api/routes/vm-find.ts'
import { freshJob, jobSchema, jobView } from '#api/views/job.ts'
import { linkTo } from '#api/views/links.ts'
import { resourceSchemas, resourceView } from '#api/views/resource.ts'
import { newId } from '#shared/ids.ts'
import { submitJob } from '#shared/jobs/submit.ts'
import type { SnapshotPart } from '#shared/resources/specs.ts'

const kind = kindsOfRoutes.snapshot
const restoreBody = z
  .strictObject({
    volume: z
      .strictObject({ name: nameField, ...volumeFields, size_gib: volumeFields.size_gib.optional() })
      .optional()
      .openapi({
        description:
          'Restores to a new volume; as large as the disk was, and in its zone where that is known, unless it says otherwise.',
      }),
    vm_id: idField.optional().openapi({
      description:
        'Restores in place of this VM’s disks: it is stopped, its disks are replaced, and it is started again if it ran.',
    }),
    keep_disks: z
      .boolean()
      .default(false)
      .openapi({ description: 'In place: the replaced disks stay, unattached, and cost.' }),
  })
  .openapi('RestoreSnapshot')

const answer = z
  .object({
    snapshot: resourceSchemas.snapshot.optional(),
    volume: resourceSchemas.volume.optional(),
    job: jobSchema,
    warnings,
    links,
  })
  .openapi('RestoreAnswer', { description: 'The new volume, or the snapshot; and the job that restores.' })

export const restoreSnapshot = endpoint({
  method: 'post',
  path: '/snapshots/{id}/restore',
  operationId: 'restoreSnapshot',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Restore a snapshot',
  description: 'To a new volume (`volume`), or in place of a VM’s disks (`vm_id`): one of the two.',
  query: resourceQuery,
  body: restoreBody,
  waits: true,
  answers: {
    200: { description: 'The job has finished while the answer was held (`Prefer: wait`).', schema: answer },
    202: { description: 'Accepted.', schema: answer },
  },
  problems: [
    'resource_state',
    'vm_state',
    'vm_busy',
    'migration_running',
    'provider_disabled',
    'capability_lacking',
  ],
  async handle(call) {
    const { services, principal, param, query, body } = call
    const row = await findResource(services, principal.tenantId, 'snapshot', param('id'), query.provider_id)
    if ((body.volume === undefined) === (body.vm_id === undefined))
      throw invalid([
        {
          field: 'volume',
          reason: body.volume ? 'is given beside vm_id' : 'is missing, and vm_id too',
          remedy: 'Send `volume` for a new volume, or `vm_id` to restore in place of that VM’s disks.',
        },
      ])
    if (!row.cloudId || row.state !== 'available')
      throw new ApiError('resource_state', `The snapshot is ${row.state}, so it cannot be restored.`, {
        remedy: 'Use one that is available.',
        details: { state: row.state },
      })
    return body.volume
      ? restoreToVolume(call, row, row.cloudId, body.volume)
      : restoreInPlace(call, row, row.cloudId, body.vm_id ?? '', body.keep_disks)
  },
})

async function restoreToVolume(
  call: Call,
  row: CloudResource,
  cloudId: string,
  volume: NonNullable<z.output<typeof restoreBody>['volume']>,
): Promise<Response> {
  const { services, principal } = call
  const { provider, region } = await providerFor(services, principal.tenantId, row.providerId, row.region)
  assertProviderCan(provider, ['storage.volumes.create'])
  const sizeGib = volume.size_gib ?? Math.ceil(firstSizeBytes(row) / 1024 ** 3)
  return submitCreation(call, {
    kind: 'volume',
    job: 'volume.create',
    provider,
    region,
    name: volume.name,
    tags: {},
    spec: {
      sizeGib: Math.max(1, sizeGib),
      type: volume.type,
      ...zoneOf(volume.zone ?? (await zoneOfDisk(services, row))),
      ...encryptionOf(volume.encryption),
      snapshot: { region, id: cloudId },
    },
    request: { ...volume, snapshot_id: row.id },
  })
}

async function restoreInPlace(
  call: Call,
  row: CloudResource,
  cloudId: string,
  vmName: string,
  keepDisks: boolean,
): Promise<Response> {
  const { services, principal } = call
  const { tenantId } = principal
  const vm = await findVm(services, tenantId, vmName, row.providerId).catch(() => undefined)
  if (!vm || vm.region !== row.region)
    throw invalid([
      {
        field: 'vm_id',
        reason: `names no VM of ${row.providerId} in ${row.region}, where the snapshot is`,
        remedy: 'Restore to a new volume, or name a VM there.',
      },
    ])
  const cloudVmId = madeVm(vm)
  const { provider } = await providerFor(services, tenantId, row.providerId, row.region)
  assertProviderCan(provider, ['compute.swapDisk', 'storage.volumes.create'])
  const jobId = newId('job')
  const render = (job: ReturnType<typeof jobView>) => {
    const snapshot = resourceView(services, row, provider.type)
    const self = job.links['self'] ?? ''
    return {
      snapshot,
      job,
      warnings: [],
      links: { vm: linkTo(services, `/vms/${vm.id}`), job: self, events: `${self}/events` },
    }
  }
  const response = await command(call, async (db) => {
    assertIdle(call, await workOn(db, tenantId, { id: vm.id, providerId: vm.providerId, cloudId: cloudVmId }))
    await submitJob(db, {
      id: jobId,
      tenantId,
      kind: 'snapshot.restore',
      subject: vm.id,
      input: {
        resource_id: row.id,
        provider_id: row.providerId,
        region: row.region,
        vm_id: vm.id,
        cloud_vm_id: cloudVmId,
        parts: partsOf(row, cloudId),
        keep_disks: keepDisks,
      },
      requestedBy: principal.subject,
    })
    const job = freshJob({
      id: jobId,
      kind: 'snapshot.restore',
      subject: vm.id,
      requestedBy: principal.subject,
    })
    return {
      status: 202,
      body: render(jobView(services, job)),
      headers: { location: linkTo(services, `/jobs/${jobId}`) },
      jobs: [jobId],
    }
  })
  return afterWait(call, response, jobId, async () => render(await loadJobView(services, tenantId, jobId)))
}

const zoneOf = (zone: string | undefined) => (zone === undefined ? {} : { zone })

/** Where the disk is, or was when last seen, that the snapshot is of: the new volume can then be attached where that one was. */
async function zoneOfDisk(
  { orm }: Pick<Call['services'], 'orm'>,
  row: CloudResource,
): Promise<string | undefined> {
  const em = orm.em.fork()
  const { tenantId, providerId, observed } = row
  const kept = observed['kept'] as { vm?: string } | undefined
  const vm = kept?.vm === undefined ? null : await em.findOne(MulticloudVm, { tenantId, id: kept.vm })
  if (vm?.observed.zone !== undefined) return vm.observed.zone
  const [{ disk }] = [...partsOf(row, row.cloudId ?? ''), { disk: { id: '' } }]
  const volume = await em.findOne(CloudResource, { tenantId, providerId, kind: 'volume', cloudId: disk.id })
  const zone = volume?.observed['zone']
  return typeof zone === 'string' ? zone : undefined
}

/** A snapshot that a sync has found is of the one disk that it names. */
function partsOf({ observed }: CloudResource, cloudId: string): SnapshotPart[] {
  const kept = observed['kept'] as { parts?: SnapshotPart[] } | undefined
  const { disk: diskId, sizeBytes } = observed
  const disk = {
    id: typeof diskId === 'string' ? diskId : '',
    sizeBytes: typeof sizeBytes === 'number' ? sizeBytes : 0,
  }
  return kept?.parts ?? [{ id: cloudId, disk }]
}

const firstSizeBytes = (row: CloudResource): number => partsOf(row, row.cloudId ?? '')[0]?.disk.sizeBytes ?? 0

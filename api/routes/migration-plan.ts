import { MulticloudVm } from '#db/entities/vm.ts'
import { ApiError, invalid } from '#api/http/problem.ts'
import { guess } from '#api/http/wording.ts'
import type { ProviderEntry } from '#api/provider-directory.ts'
import type { MigrateBody } from '#api/routes/migration-input.ts'
import type { Services } from '#api/services.ts'

/** What a migration request comes down to. */
export interface MigrationPlan {
  /** The VM in our books; undefined for one that only its cloud knows so far. */
  vm: MulticloudVm | undefined
  source: ProviderEntry
  destination: ProviderEntry
  region: string
}

/**
 * Resolves the names in a request and refuses what cannot work.
 * @throws ApiError naming the field.
 */
export async function planMigration(
  services: Services,
  tenantId: string,
  body: MigrateBody,
): Promise<MigrationPlan> {
  assertNow(body.scheduled_time)
  const providers = await services.providers.of(tenantId)
  const vm = await findSource(services, tenantId, body)
  const sourceId = vm?.providerId ?? body.source_provider_id
  if (sourceId === undefined)
    throw invalid([
      {
        field: 'source_provider_id',
        reason: 'is missing, and no VM in our books has this vm_id',
        remedy: 'Say which provider the VM is at, or use our own id of the VM.',
      },
    ])
  const source = providerNamed(providers, 'source_provider_id', sourceId)
  const destination = providerNamed(providers, 'destination_provider_id', body.destination_provider_id)
  const region = regionAt(destination, body.destination_region)
  if (vm) assertMovable(vm)
  if (vm && source.id === destination.id && vm.region === region)
    throw invalid([
      {
        field: 'destination_provider_id',
        reason: 'with this region is where the VM is already',
        remedy: 'Name another provider or another region.',
      },
    ])
  return { vm, source, destination, region }
}

async function findSource(
  { orm }: Services,
  tenantId: string,
  body: MigrateBody,
): Promise<MulticloudVm | undefined> {
  const { vm_id: name, source_provider_id: providerId } = body
  const found = await orm.em.fork().find(
    MulticloudVm,
    {
      tenantId,
      $or: [
        { id: name },
        { vmId: name, deletedAt: null, ...(providerId === undefined ? {} : { providerId }) },
      ],
    },
    { limit: 3 },
  )
  if (found.length > 1)
    throw invalid([
      {
        field: 'source_provider_id',
        reason: 'is missing: several providers have such a VM',
        remedy: 'Say which one.',
      },
    ])
  const [vm] = found
  if (!vm && name.startsWith('vm_'))
    throw invalid([
      { field: 'vm_id', reason: 'is not the id of a VM of yours', remedy: 'GET /vms lists your VMs.' },
    ])
  if (vm && providerId !== undefined && vm.providerId !== providerId)
    throw invalid([
      {
        field: 'source_provider_id',
        reason: 'is not where this VM is',
        remedy: `Send ${vm.providerId} or leave it out.`,
      },
    ])
  return vm
}

function providerNamed(providers: readonly ProviderEntry[], field: string, id: string): ProviderEntry {
  const provider = providers.find((one) => one.id === id)
  const ids = providers.map((one) => one.id)
  if (!provider)
    throw invalid([
      {
        field,
        reason: 'is not a registered provider',
        remedy:
          providers.length > 0
            ? `${guess(id, ids)}Use one of: ${ids.slice(0, 20).join(', ')}.`
            : 'Register one with POST /api/multicloud/providers.',
      },
    ])
  if (!provider.enabled)
    throw new ApiError('provider_disabled', `The provider "${id}" is disabled.`, {
      remedy: `Enable it with PUT /api/multicloud/providers/${id}.`,
    })
  return provider
}

function regionAt(destination: ProviderEntry, wanted: string | undefined): string {
  const region = wanted ?? destination.defaultRegion ?? destination.regions[0]
  if (region !== undefined && destination.regions.includes(region)) return region
  throw invalid([
    {
      field: 'destination_region',
      reason: `is not among the regions of ${destination.id}`,
      remedy: `${guess(wanted ?? '', destination.regions)}Use one of: ${destination.regions.join(', ')}; or add the region to the provider.`,
    },
  ])
}

function assertMovable(vm: MulticloudVm): void {
  const gone = vm.deletedAt !== null && vm.deletedAt !== undefined
  if (!gone && vm.vmId && !['terminating', 'terminated'].includes(vm.state)) return
  throw new ApiError(
    'vm_state',
    `A VM that is ${vm.vmId ? vm.state : 'not made in its cloud yet'} cannot be migrated.`,
    {
      remedy: 'Migrate a VM that is running or stopped.',
      details: { state: vm.state },
    },
  )
}

/** Starting now what was meant for another time would stop somebody's VM at the wrong time, so it is refused rather than warned of. */
function assertNow(scheduled: string | undefined): void {
  if (scheduled === undefined) return
  const aheadMs = new Date(scheduled).getTime() - Date.now()
  if (Math.abs(aheadMs) <= clocksDifferMs) return
  if (aheadMs < 0)
    throw invalid([
      {
        field: 'scheduled_time',
        reason: 'is in the past',
        remedy: 'Leave scheduled_time out to start the migration now.',
      },
    ])
  const remedy = 'Leave scheduled_time out and send the request at that time.'
  throw new ApiError('not_supported_yet', 'Migrations cannot be scheduled for later yet.', {
    remedy,
    errors: [{ field: 'scheduled_time', reason: 'is in the future, which is not supported yet', remedy }],
  })
}

const clocksDifferMs = 60_000

import { z } from '@hono/zod-openapi'
import { MulticloudVm } from '#db/entities/vm.ts'
import { newId } from '#shared/ids.ts'
import { IdempotencyConflict, submitJob } from '#shared/jobs/submit.ts'
import { announce, idempotencyOf, replay, type Idempotency, type Kept } from '#api/http/command.ts'
import { endpoint, type Call } from '#api/http/endpoint.ts'
import { afterWait, preferredWait } from '#api/http/prefer.ts'
import { reply } from '#api/http/reply.ts'
import { links, warnings } from '#api/http/schemas.ts'
import { loadJobView } from '#api/routes/load.ts'
import { encryptionOf } from '#api/routes/resources/body.ts'
import { refOf } from '#api/routes/resources/find.ts'
import { createVmBody, demandsOf, unhonoured, type CreateVmBody } from '#api/routes/vm-input.ts'
import { choosePlacement, type Placement } from '#api/routes/vm-placement.ts'
import { freshJob, jobSchema, jobView } from '#api/views/job.ts'
import { vmSchema, vmView } from '#api/views/vm.ts'
import type { ResourceKind } from '#shared/resources/kinds.ts'

export const vmAnswer = z
  .object({ vm: vmSchema, job: jobSchema, warnings, notes: z.array(z.string()), links })
  .openapi('VMAnswer', { description: 'The VM, and the job that works on it.' })

/**
 * Accepting a VM is the busiest write: one SQL statement holds the VM, its job, the job's first step, event and dispatch, and the
 * idempotency key; nothing else is asked of the database once the tenant's providers are known.
 */
export const createVm = endpoint({
  method: 'post',
  path: '/vms',
  operationId: 'createVM',
  tag: 'VMs',
  permission: 'vms:create',
  summary: 'Create a VM',
  description:
    'Chooses a provider: `preferred_provider` wins; else, of the enabled providers that have the region, healthy ones come first and of these the one registered first. What its cloud lacks of `required_capabilities` or of the request itself rules a provider out. `notes` says which and why; `warnings` names every demand that is not honoured yet.',
  body: createVmBody,
  waits: true,
  answers: {
    200: {
      description: 'The job has finished while the answer was held (`Prefer: wait`).',
      schema: vmAnswer,
    },
    202: { description: 'Accepted.', schema: vmAnswer },
  },
  problems: ['no_provider', 'capability_lacking'],
  async handle(call) {
    const idempotency = idempotencyOf(call)
    if (idempotency) {
      const stored = await replay(call, idempotency)
      if (stored) return stored
    }
    const { services, principal, body } = call
    const providers = await services.providers.of(principal.tenantId)
    const placement = choosePlacement(providers, { ...body, demands: demandsOf(body) })
    const named = await namedThings(call, body, placement)
    const submission = { ...submissionOf(call, body, placement), named }
    try {
      await submit(call, submission, idempotency)
    } catch (error) {
      if (!(error instanceof IdempotencyConflict) || !idempotency) throw error
      const stored = await replay(call, idempotency)
      if (!stored) throw error
      return stored
    }
    announce(services, submission.jobId)
    const response = reply(202, submission.answer, { location: submission.answer.vm.links['self'] ?? '' })
    if (preferredWait(call.c) === undefined) return response
    return afterWait(call, response, submission.jobId, () => current(call, submission, placement))
  },
})

type Submission = ReturnType<typeof submissionOf> & { named: NamedThings }

function submissionOf(call: Call, body: CreateVmBody, { provider, region, note }: Placement) {
  const { services, principal } = call
  const vmId = newId('vm')
  const jobId = newId('job')
  const at = new Date()
  const demands = unhonoured(body)
  const job = jobView(
    services,
    freshJob(
      { id: jobId, kind: 'vm.create', subject: vmId, warnings: demands, requestedBy: principal.subject },
      at,
    ),
  )
  const vm = vmView(
    services,
    {
      id: vmId,
      providerId: provider.id,
      name: body.name,
      region,
      instanceType: body.instance_type ?? null,
      state: 'pending',
      tags: body.tags,
      observed: {},
      request: body,
      createdAt: at,
      updatedAt: at,
    },
    provider.type,
  )
  const answer: z.input<typeof vmAnswer> = {
    vm,
    job,
    warnings: demands,
    notes: [note],
    links: { vm: vm.links['self'] ?? '', job: job.links['self'] ?? '', events: job.links['events'] ?? '' },
  }
  return { vmId, jobId, providerId: provider.id, region, body, demands, answer }
}

async function submit(call: Call, one: Submission, idempotency: Idempotency | undefined): Promise<void> {
  const { tenantId, subject } = call.principal
  const { body, region } = one
  await submitJob(
    call.services.pool,
    {
      id: one.jobId,
      tenantId,
      kind: 'vm.create',
      subject: one.vmId,
      input: { vm_id: one.vmId, provider_id: one.providerId, region, ...wishesOf(body, one.named) },
      requestedBy: subject,
      warnings: one.demands,
    },
    {
      vms: [
        {
          id: one.vmId,
          tenant_id: tenantId,
          provider_id: one.providerId,
          vm_id: null,
          name: body.name,
          region,
          instance_type: body.instance_type ?? null,
          state: 'pending',
          tags: body.tags,
          observed: {},
          request: body,
        },
      ],
      ...(idempotency ? { idempotency: { ...idempotency, status: 202, response: keptOf(one) } } : {}),
    },
  )
}

const keptOf = ({ answer }: Submission): Kept => ({
  text: JSON.stringify(answer),
  headers: { location: answer.vm.links['self'] ?? '' },
})

/** What the chain needs to know of the request. */
const wishesOf = (body: CreateVmBody, named: NamedThings) => ({
  name: body.name,
  instance_type: body.instance_type,
  cpu: body.cpu,
  memory: body.memory,
  storage: body.storage,
  availability_zone: body.availability_zone,
  key_pair: body.key_pair,
  user_data: body.user_data,
  tags: body.tags,
  ...(body.spot_instance ? { spot: capOf(body) } : {}),
  tenancy: body.custom_options.tenancy,
  placement_group: body.custom_options.placement_group,
  detailed_monitoring: body.custom_options.detailed_monitoring,
  ...encryptionOf(body.custom_options.encryption),
  ...named,
})

const capOf = ({ max_spot_price: price }: CreateVmBody) =>
  price === undefined ? {} : { max_hourly_price: typeof price === 'string' ? price : decimalOf(price) }

/** Never in the notation of powers of ten. */
const decimalOf = (price: number): string => price.toFixed(9).replace(/\.?0+$/, '')

/** By the cloud's ids, what the request names of what there is already. */
interface NamedThings {
  image_id: string | undefined
  security_groups: string[] | undefined
  subnet: string | undefined
}

async function namedThings(
  { services, principal }: Call,
  { image_id: image, security_groups: groups, custom_options: { subnet } }: CreateVmBody,
  { provider, region }: Placement,
): Promise<NamedThings> {
  const where = { tenantId: principal.tenantId, providerId: provider.id, region }
  const find = async (kind: ResourceKind, field: string, id: string) =>
    (await refOf(services, where, kind, field, id)).id
  return {
    image_id: image === undefined ? undefined : await find('image', 'image_id', image),
    security_groups:
      groups &&
      (await Promise.all(groups.map((id, nr) => find('security_group', `security_groups[${nr}]`, id)))),
    subnet: subnet === undefined ? undefined : await find('subnet', 'custom_options.subnet', subnet),
  }
}

async function current(call: Call, submission: Submission, placement: Placement) {
  const { services, principal } = call
  const [vm, job] = await Promise.all([
    services.orm.em.fork().findOneOrFail(MulticloudVm, { tenantId: principal.tenantId, id: submission.vmId }),
    loadJobView(services, principal.tenantId, submission.jobId),
  ])
  return { ...submission.answer, vm: vmView(services, vm, placement.provider.type), job }
}

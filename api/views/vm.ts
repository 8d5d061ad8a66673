import { z } from '@hono/zod-openapi'
import { links, tags, time } from '#api/http/schemas.ts'
import { userTags } from '#shared/resources/tags.ts'
import { linkTo } from '#api/views/links.ts'
import type { Services } from '#api/services.ts'
import type { MulticloudVm } from '#db/entities/vm.ts'

export const vmStates = [
  'pending',
  'running',
  'stopping',
  'stopped',
  'terminating',
  'terminated',
  'suspended',
  'error',
] as const

export const vmSchema = z
  .object({
    id: z.string(),
    vm_id: z
      .string()
      .nullable()
      .openapi({ description: "The cloud's own id; null until the cloud has given one." }),
    name: z.string(),
    provider: z.string().openapi({ description: 'Id of the provider; the same as `provider_id`.' }),
    provider_id: z.string(),
    provider_type: z.string().nullable(),
    region: z.string(),
    availability_zone: z.string().nullable(),
    instance_type: z.string().nullable(),
    state: z.enum(vmStates),
    public_ip: z.string().nullable(),
    private_ip: z.string().nullable(),
    image_id: z.string().nullable(),
    key_pair: z.string().nullable(),
    security_groups: z.array(z.string()),
    tags,
    cpu: z.number().nullable().openapi({ description: 'vCPUs, where known.' }),
    memory: z.number().nullable().openapi({ description: 'MiB, where known.' }),
    storage: z.number().nullable().openapi({ description: 'GiB of all disks, where known.' }),
    network_bandwidth: z.number().nullable().openapi({ description: 'Mbit/s, where known.' }),
    hourly_rate: z.string().nullable().openapi({ description: 'Null until prices are kept.' }),
    monthly_estimate: z.string().nullable().openapi({ description: 'Null until prices are kept.' }),
    metadata: z.record(z.string(), z.unknown()),
    created_at: time,
    updated_at: time,
    deleted_at: time.nullable(),
    links,
  })
  .openapi('VM')

/** What the view needs of a row; a VM that was asked for a moment ago has no more. */
export type VmFacts = Pick<
  MulticloudVm,
  'id' | 'providerId' | 'name' | 'region' | 'state' | 'tags' | 'observed' | 'createdAt' | 'updatedAt'
> &
  Partial<Pick<MulticloudVm, 'vmId' | 'instanceType' | 'request' | 'deletedAt'>>

export function vmView(
  services: Pick<Services, 'config'>,
  vm: VmFacts,
  providerType: string | undefined,
): z.input<typeof vmSchema> {
  const { observed } = vm
  const request = vm.request ?? {}
  const self = linkTo(services, `/vms/${vm.id}`)
  const gone = vm.state === 'terminated' || vm.state === 'terminating' || Boolean(vm.deletedAt)
  return {
    id: vm.id,
    vm_id: vm.vmId ?? null,
    name: vm.name,
    provider: vm.providerId,
    provider_id: vm.providerId,
    provider_type: providerType ?? null,
    region: vm.region,
    availability_zone: observed.zone ?? textOf(request['availability_zone']),
    instance_type: observed.instanceType ?? vm.instanceType ?? null,
    state: vmStates.find((state) => state === vm.state) ?? 'error',
    public_ip: observed.publicIp ?? null,
    private_ip: observed.privateIp ?? null,
    image_id: observed.imageId ?? textOf(request['image_id']),
    key_pair: observed.keyPair ?? textOf(request['key_pair']),
    security_groups: observed.securityGroups ?? textsOf(request['security_groups']),
    tags: userTags(vm.tags),
    cpu: numberOf(request['cpu']),
    memory: numberOf(request['memory']),
    storage: storageGib(observed.disks) ?? numberOf(request['storage']),
    network_bandwidth: null,
    hourly_rate: null,
    monthly_estimate: null,
    metadata: {
      ...(observed.architecture ? { architecture: observed.architecture } : {}),
      ...(observed.firmware ? { firmware: observed.firmware } : {}),
      ...(observed.disks ? { disks: observed.disks } : {}),
    },
    created_at: vm.createdAt.toISOString(),
    updated_at: vm.updatedAt.toISOString(),
    deleted_at: vm.deletedAt?.toISOString() ?? null,
    links: {
      self,
      provider: linkTo(services, `/providers/${encodeURIComponent(vm.providerId)}`),
      jobs: linkTo(services, `/jobs?subject=${vm.id}`),
      ...(gone ? {} : actionsOf(self)),
    },
  }
}

const actionsOf = (self: string) =>
  Object.fromEntries(
    ['start', 'stop', 'restart', 'suspend', 'resume', 'snapshot', 'metrics'].map((name) => [
      name,
      `${self}/${name}`,
    ]),
  )

const gibBytes = 1024 ** 3

const storageGib = (disks: { sizeBytes: number }[] | undefined): number | undefined =>
  disks?.length ? disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) / gibBytes : undefined

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null)
const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []

import { z } from '@hono/zod-openapi'
import type { CloudResource } from '#db/entities/resource.ts'
import type { ResourceKind } from '#shared/resources/kinds.ts'
import type { SnapshotPart } from '#shared/resources/specs.ts'
import { lifecycleView, lifecycleRule, ruleView, securityRule } from '#api/views/rules.ts'

const text = z.string().nullable()
const number = z.number().nullable()
const flag = z.boolean().nullable()
const cloudVm = text.openapi({ description: 'The cloud’s own id of the VM that it leads to.' })
const ourVm = text.openapi({ description: 'Our id of the VM that it was made of.' })

/** The members of each kind beyond those that all share. Null is what the cloud does not tell, or has not told yet. */
export const detailSchemas = {
  network: { cidrs: z.array(z.string()), is_default: z.boolean() },
  subnet: {
    network_cloud_id: text.openapi({ description: 'The cloud’s own id of its network.' }),
    cidr: text,
    zone: text,
  },
  security_group: {
    description: z.string(),
    network_cloud_id: text,
    rules: z.array(securityRule),
  },
  address: { ip: text, attached_to: cloudVm },
  volume: {
    size_gib: number,
    type: text,
    vendor_type: text,
    zone: text,
    encrypted: flag,
    key_id: text,
    attached_to: cloudVm,
    device: text,
  },
  snapshot: {
    size_gib: number.openapi({ description: 'Of the disks that it is of, together.' }),
    encrypted: flag,
    vm_id: ourVm,
    disks: z
      .array(
        z.object({
          snapshot_cloud_id: z.string(),
          disk_cloud_id: z.string(),
          device: text,
          boot: flag,
          size_gib: z.number(),
        }),
      )
      .openapi({ description: 'One for each disk; boot disk first.' }),
  },
  image: {
    architecture: text,
    firmware: text,
    size_gib: number,
    vcpus: number.openapi({
      description: 'Of the VM that it was made of, or as its OVA says: a hint, where the cloud keeps it.',
    }),
    memory_mib: number,
    public: flag,
    vm_id: ourVm,
  },
  bucket: {
    encrypted: flag,
    key_id: text,
    versioning: flag,
    access: text,
    lifecycle: z.array(lifecycleRule),
  },
} as const satisfies Record<ResourceKind, z.ZodRawShape>

type Row = Pick<CloudResource, 'kind' | 'observed' | 'cloudId'>

/** Reads them from what the cloud said. */
export const detailsOf = (row: Partial<Row> & Pick<Row, 'kind' | 'observed'>): Record<string, unknown> =>
  readers[row.kind](row.observed, row.cloudId ?? undefined)

type Reader = (seen: Record<string, unknown>, cloudId: string | undefined) => Record<string, unknown>

const readers: Record<ResourceKind, Reader> = {
  network: (seen) => ({ cidrs: textsOf(seen['cidrs']), is_default: seen['isDefault'] === true }),
  subnet: (seen) => ({
    network_cloud_id: textOf(seen['network']),
    cidr: textOf(seen['cidr']),
    zone: textOf(seen['zone']),
  }),
  security_group: (seen) => ({
    description: textOf(seen['description']) ?? '',
    network_cloud_id: textOf(seen['network']),
    rules: listOf(seen['rules']).map(ruleView),
  }),
  address: (seen) => ({ ip: textOf(seen['ip']), attached_to: textOf(seen['vm']) }),
  volume: (seen) => ({
    size_gib: gibOf(seen['sizeBytes']),
    type: textOf(seen['type']),
    vendor_type: textOf(seen['vendorType']),
    zone: textOf(seen['zone']),
    encrypted: flagOf(seen['encrypted']),
    key_id: textOf(seen['keyId']),
    attached_to: textOf(seen['vm']),
    device: textOf(seen['device']),
  }),
  snapshot: readSnapshot,
  image: (seen) => ({
    architecture: textOf(seen['architecture']),
    firmware: textOf(seen['firmware']),
    size_gib: gibOf(seen['sizeBytes']),
    vcpus: numberOf(hardwareOf(seen)['vcpus']),
    memory_mib: numberOf(hardwareOf(seen)['memoryMib']),
    public: flagOf(seen['public']),
    vm_id: textOf(keptOf(seen)['vm']),
  }),
  bucket: (seen) => ({
    encrypted: flagOf(seen['encrypted']),
    key_id: textOf(seen['keyId']),
    versioning: flagOf(seen['versioning']),
    access: textOf(seen['access']),
    lifecycle: listOf(seen['lifecycle']).map(lifecycleView),
  }),
}

/** One that a sync has found has one disk; of one that was made here the parts are known. */
function readSnapshot(seen: Record<string, unknown>, cloudId: string | undefined): Record<string, unknown> {
  const parts = listOf<SnapshotPart>(keptOf(seen)['parts'])
  const [disk, sizeBytes] = [textOf(seen['disk']), seen['sizeBytes']]
  const only =
    cloudId !== undefined && disk !== null && typeof sizeBytes === 'number'
      ? [{ id: cloudId, disk: { id: disk, sizeBytes } }]
      : []
  const known: SnapshotPart[] = parts.length > 0 ? parts : only
  return {
    size_gib:
      known.length > 0 ? gibOf(known.reduce((sum, part) => sum + part.disk.sizeBytes, 0)) : gibOf(sizeBytes),
    encrypted: flagOf(seen['encrypted']),
    vm_id: textOf(keptOf(seen)['vm']),
    disks: known.map((part) => ({
      snapshot_cloud_id: part.id,
      disk_cloud_id: part.disk.id,
      device: part.disk.device ?? null,
      boot: part.disk.boot ?? null,
      size_gib: part.disk.sizeBytes / gibBytes,
    })),
  }
}

const hardwareOf = (seen: Record<string, unknown>): Record<string, unknown> =>
  (seen['hardware'] as Record<string, unknown> | undefined) ?? {}

const keptOf = (seen: Record<string, unknown>): Record<string, unknown> =>
  (seen['kept'] as Record<string, unknown> | undefined) ?? {}

function listOf<T = never>(value: unknown): T[] {
  return Array.isArray(value) ? (value as T[]) : []
}

const gibBytes = 1024 ** 3
const gibOf = (value: unknown): number | null => (typeof value === 'number' ? value / gibBytes : null)
const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null)
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const textsOf = (value: unknown): string[] => listOf<unknown>(value).filter((one) => typeof one === 'string')
const flagOf = (value: unknown): boolean | null => (typeof value === 'boolean' ? value : null)

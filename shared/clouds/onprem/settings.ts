import { z } from 'zod'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'

/**
 * libvirt's URIs take parameters that run programs on this machine (`command=`, `netcat=`: libvirt.org/uri.html); none of them is let
 * through, and no host name that ssh could take for an option.
 */
const uriPattern =
  /^(qemu:\/\/\/(system|session)(\?socket=\/[\w./-]{1,200})?|qemu\+ssh:\/\/([a-z_][\w-]{0,31}@)?[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:\d{1,5})?\/(system|session))$/

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/)
const amount = z.string().regex(/^\d{1,12}(\.\d{1,6})?$/)

/** What a host costs; amounts are decimal strings in the provider's `currency`. */
const cost = z.strictObject({
  /** Price of the machine, written off evenly over `amortise_months`. */
  hardware: amount.default('0'),
  amortise_months: z.int().min(1).max(240).default(48),
  /** Watts drawn on average, and what a kWh costs. */
  power_watts: z.number().min(0).max(100_000).default(0),
  power_price_per_kwh: amount.default('0'),
  /** Rack space, cooling, people: per month. */
  space_per_month: amount.default('0'),
  /** Part of all that is the memory's (the rest is the vCPUs'). */
  memory_share: z.number().min(0).max(1).default(0.5),
  /** Storage, per GiB and month. */
  storage_per_gib_month: amount.default('0'),
  /** Since when it costs; default: the day the host was first seen. */
  since: z.iso.date().optional(),
})

const pool = z.strictObject({
  name,
  /** `qemu`: a folder on this machine. `libvirt`: name of a storage pool of type dir that exists there. */
  path: z.string().startsWith('/').max(512).optional(),
})

const host = z.strictObject({
  name,
  /** The port's region. */
  location: name,
  /** `libvirt`: connection URI, see `uriPattern`. */
  uri: z
    .string()
    .max(512)
    .regex(
      uriPattern,
      'must be qemu:///system, qemu:///session, qemu:///session?socket=/path or qemu+ssh://user@host/system',
    )
    .optional(),
  /** `qemu`: where machines, sockets and records of this host lie. */
  folder: z.string().startsWith('/').max(80).optional(),
  pools: z.array(pool).min(1).max(32).optional(),
  /** What may be given to VMs; default what the host has. */
  capacity: z
    .strictObject({ vcpus: z.int().min(1).optional(), memory_mib: z.int().min(64).optional() })
    .default({}),
  /** How often a CPU, and a MiB of memory, may be given away. */
  overcommit: z
    .strictObject({
      vcpus: z.number().min(1).max(64).default(4),
      memory: z.number().min(1).max(4).default(1),
    })
    .prefault({}),
  /** How far a VM can grow while it runs, in times its size at its start; at most to what the host has. 1: not at all. */
  headroom: z
    .strictObject({
      vcpus: z.number().min(1).max(64).default(4),
      memory: z.number().min(1).max(64).default(4),
    })
    .prefault({}),
  /** Bridges that VMs may join. */
  bridges: z.array(name).max(64).default([]),
  /** No new VMs are placed on it; set while it is drained. */
  maintenance: z.boolean().default(false),
  cost: cost.prefault({}),
})

const shape = z.strictObject({
  /**
   * `volume_key`: 32 bytes in base64 from which the keys of all encrypted volumes are derived; without it volumes are not encrypted.
   * `key_<name>`: further ones, for `encryption.keyId: <name>`. `ssh_private_key`, `ssh_known_hosts`: for `qemu+ssh://`.
   * `s3_access_key_id`, `s3_secret_access_key`: of `object_store.endpoint`.
   */
  credentials: z.record(
    z
      .string()
      .regex(
        /^(volume_key|key_[a-z0-9_-]{1,40}|ssh_private_key|ssh_known_hosts|s3_access_key_id|s3_secret_access_key)$/,
      ),
    z.string().min(1),
  ),
  options: z.strictObject({
    driver: z.enum(['qemu', 'libvirt']),
    hosts: z.array(host).min(1).max(200),
    /** ISO 4217, of all amounts. */
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/)
      .default('USD'),
    /** Sizes on offer beside `custom-<vcpus>-<MiB>`; default: nano to 2xlarge. */
    sizes: z
      .array(z.strictObject({ name, vcpus: z.int().min(1).max(255), memory_mib: z.int().min(16) }))
      .min(1)
      .optional(),
    /** Image that VMs without one start from. */
    default_image: z.string().startsWith('img-').optional(),
    /** Public addresses that may be kept and led to VMs. */
    addresses: z
      .array(z.union([z.ipv4(), z.ipv6()]))
      .max(4096)
      .default([]),
    /** Where buckets lie: a folder that every worker reaches, or an S3 service; default a folder on the first host's machine. */
    object_store: z
      .union([
        z.strictObject({ folder: z.string().startsWith('/') }),
        z.strictObject({ endpoint: z.url(), region: name.default('us-east-1') }),
      ])
      .optional(),
    /** Where image files lie while they are converted, on the machine of the workers; default beside the first host's folder or the buckets'. */
    staging_folder: z.string().startsWith('/').optional(),
    /** Longest that a guest may take to shut down before its power is cut. */
    shutdown_grace_ms: z.int().min(0).max(3_600_000).default(60_000),
    request_timeout_ms: z.int().min(50).max(600_000).default(30_000),
    poll_ms: z.int().min(1).max(60_000).default(200),
    throttle_wait_ms: z.int().min(0).max(600_000).default(15_000),
    /** `qemu`: user and group that guests run as when the worker is root; default `nobody`. */
    run_as: z.strictObject({ uid: z.int().min(1), gid: z.int().min(1) }).optional(),
  }),
})

/** What a registration of type `on-premise` must look like. */
export type OnPremSettings = z.output<typeof shape> & Omit<CloudSettings, 'credentials' | 'options'>
export type HostSettings = OnPremSettings['options']['hosts'][number]
export type HostCost = HostSettings['cost']

/** Checks options alone: what is wrong with each field, or the options. */
export function checkOnPremOptions(
  options: unknown,
): Pick<OnPremSettings, 'options'> | { issues: { field: string; reason: string }[] } {
  const parsed = shape.pick({ options: true }).safeParse({ options })
  if (!parsed.success)
    return {
      issues: parsed.error.issues.map(({ path, message }) => ({ field: path.join('.'), reason: message })),
    }
  const issues = mistakes(parsed.data.options)
  return issues.length > 0 ? { issues } : parsed.data
}

/** Checks the vendor-specific part of a registration. Throws CloudError `invalid_request` that names the field, never its value. */
export function parseOnPremSettings(settings: CloudSettings): OnPremSettings {
  const { credentials, options } = settings
  const parsed = shape.safeParse({ credentials, options })
  const issues = parsed.success
    ? mistakes(parsed.data.options)
    : parsed.error.issues.map((issue) => ({ field: issue.path.join('.'), reason: issue.message }))
  if (parsed.success && issues.length === 0) return { ...settings, ...parsed.data }
  throw new CloudError(
    `Provider ${settings.providerId} is not a valid on-premise registration: ${issues.map(({ field, reason }) => `${field}: ${reason}`).join('; ')}.`,
    {
      cloud: 'on-premise',
      operation: 'open',
      code: 'invalid_request',
      remedy:
        'Give options {driver: qemu | libvirt, hosts: [{name, location, folder | uri, pools?, capacity?, overcommit?, headroom?, bridges?, cost?}], …}; the README shows one of each.',
      details: { fields: issues.map(({ field }) => field) },
    },
  )
}

function mistakes({ driver, hosts }: z.output<typeof shape>['options']): { field: string; reason: string }[] {
  const wanted = driver === 'qemu' ? 'folder' : 'uri'
  return hosts.flatMap((one, index) => [
    ...(one[wanted] === undefined
      ? [{ field: `options.hosts.${index}.${wanted}`, reason: `a host of the ${driver} driver needs it` }]
      : []),
    ...(hosts.findIndex((other) => other.name === one.name) === index
      ? []
      : [{ field: `options.hosts.${index}.name`, reason: 'two hosts have this name' }]),
  ])
}

/** Fields of a registration that reach into the machine the workers run on: folders, and hypervisors that are not remote. */
export function localParts({
  options: { driver, hosts, object_store: store, staging_folder: staging },
}: Pick<OnPremSettings, 'options'>): string[] {
  const ofHosts = hosts.flatMap(({ uri }, index) => {
    if (driver === 'qemu') return [`options.hosts.${index}.folder`]
    return uri?.startsWith('qemu+ssh:') ? [] : [`options.hosts.${index}.uri`]
  })
  return [
    ...ofHosts,
    ...(store && 'folder' in store ? ['options.object_store.folder'] : []),
    ...(staging === undefined ? [] : ['options.staging_folder']),
  ]
}

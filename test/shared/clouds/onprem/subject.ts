import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spread as spreadOfLibvirt } from '#shared/clouds/onprem/capabilities/libvirt/calls.ts'
import { spread as spreadOfQemu } from '#shared/clouds/onprem/capabilities/qemu/calls.ts'
import type { Operation } from '#shared/clouds/operations.ts'
import { openOnPremise } from '#shared/clouds/onprem/onprem.ts'
import { openSite, type Site } from '#shared/clouds/onprem/hosts.ts'
import type { DriverName } from '#shared/clouds/onprem/host.ts'
import { parseOnPremSettings } from '#shared/clouds/onprem/settings.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'
import type { LoopbackCloud } from '#test/clouds/core/types.ts'
import { createTap } from '#test/clouds/onprem/tap.ts'
import { writeBaseImage } from '#test/shared/clouds/conformance/base-image.ts'
import { digest, type Subject } from '#test/shared/clouds/conformance/subject.ts'
import { addDefaultImage, addRunningVms } from '#test/shared/clouds/onprem/stock.ts'

export const region = 'lab'

/** Hosts of a driver, brought up for one subject. */
export interface Lab {
  driver: DriverName
  /** As `options.hosts` of a registration; the first is where VMs go that must share a zone. */
  hosts: { name: string; location: string; [field: string]: unknown }[]
  /** Further options of the registration. */
  options?: Record<string, unknown>
  /** Writes to a disk that a machine runs on, as its guest does. */
  writeRunning(site: Site, disk: RunningDisk, offset: number, data: Buffer): Promise<void>
  /** What the hosts keep for us that costs room. Reads files, so that it needs no hypervisor to answer. */
  residue(): ReturnType<LoopbackCloud['residue']>
  close(): Promise<void>
}

/** Whichever VM comes first to a host brings the image there; where hosts have the same room that is a matter of chance. */
function creations(driver: DriverName): Partial<Record<Operation, Record<string, string>>> {
  const calls = driver === 'qemu' ? spreadOfQemu : spreadOfLibvirt
  const excused = Object.fromEntries(
    calls.map((call) => [call, 'only where the host has no copy of the image yet']),
  )
  return {
    'compute.create': excused,
    'compute.create.dedicated': excused,
    'compute.create.detailed_monitoring': excused,
    'compute.create.customer_key': excused,
  }
}

export interface RunningDisk {
  host: string
  machine: string
  device: string
}

/** The provider on real hypervisors, through a tap, with small sizes and guests that do not boot. */
export async function openOnPremSubject(
  lab: Lab,
  dialect: Omit<Partial<Subject['dialect']>, 'refusals'> & {
    refusals?: Partial<Subject['dialect']['refusals']>
  },
): Promise<Subject & { settings: CloudSettings }> {
  const dir = await mkdtemp(join(tmpdir(), 'novacron-onprem-'))
  const imagePath = join(dir, 'image.raw')
  await writeBaseImage(imagePath)
  const tap = createTap()
  const bare = settingsFor(lab, join(dir, 'objects'))
  const site = await openSite(parseOnPremSettings(bare))
  const image = await addDefaultImage(site, region, imagePath)
  const settings = { ...bare, options: { ...bare.options, default_image: image } }
  const open = (changes: Partial<CloudSettings> = {}) =>
    openOnPremise({ ...settings, ...changes }, { intercept: tap.interceptorFor(settings.workerId) })
  return {
    cloud: await open(),
    loopback: {
      url: 'onprem:',
      caPem: undefined,
      ...tap,
      residue: lab.residue,
      populate: (count) => addRunningVms(site, region, count),
      writeDisk: (id, offset, data) => writeDisk(site, lab, id, offset, data),
      async close() {
        tap.clearFaults()
        await stopAll(site)
        site.close()
        await lab.close()
        await rm(dir, { recursive: true, force: true })
      },
    },
    settings,
    region,
    workerId: settings.workerId,
    imagePath,
    reopen: ({ options, ...changes } = {}) =>
      open({ ...changes, options: { ...settings.options, ...options } }),
    async makePublic(bucket) {
      await site.homeOf(region).records.change('bucket', bucket.id, (body) => ({ ...body, access: 'public' }))
    },
    dialect: {
      instanceType: 'tiny',
      largerType: 'small',
      liveType: 'tiny-2',
      zone: lab.hosts[0]?.name ?? '',
      throttled: { code: 'EAGAIN', status: 429 },
      capacity: { code: 'ENOSPC', status: 507 },
      createVmOperation: '',
      storedDamage: 'guest',
      unpaged: 'a host is asked for all of a kind in one call',
      detachNeedsGuest: 'a running guest must let go of a disk, and these have no operating system',
      readOperation: 'nbd read',
      writeOperation: 'nbd write',
      readsUnchecked:
        'NBD has no checksums; it never leaves the host, or goes through ssh, which has its own',
      customerKey: 'finance',
      signIn: [],
      ...dialect,
      unseen: { ...creations(lab.driver), ...dialect.unseen },
      refusals: {
        auth_failed: [],
        forbidden: [
          { code: 'EACCES', status: 403 },
          { code: 'EPERM', status: 403 },
        ],
        not_found: [{ code: 'not_found', status: 404 }],
        conflict: [{ code: 'conflict', status: 409 }],
        invalid_request: [{ code: 'invalid_request', status: 400 }],
        capacity: [
          { code: 'ENOSPC', status: 507 },
          { code: 'ENOMEM', status: 507 },
        ],
        quota_exceeded: [{ code: 'EDQUOT', status: 507 }],
        throttled: [
          { code: 'EAGAIN', status: 429 },
          { code: 'EMFILE', status: 429 },
        ],
        unavailable: [{ code: 'EIO', status: 500 }],
        ...dialect.refusals,
      },
    },
  }
}

/** A guest outlives its worker, and would outlive the folder that it lies in. */
async function stopAll(site: Site): Promise<void> {
  for (const { machines } of site.hosts)
    for (const { id, state } of await machines.list()) if (state !== 'stopped') await machines.powerOff(id)
}

/** The registration of a lab. */
export const settingsFor = (lab: Lab, objects: string): CloudSettings => ({
  providerId: 'home',
  type: 'on-premise',
  credentials: {
    volume_key: randomBytes(32).toString('base64'),
    key_finance: randomBytes(32).toString('base64'),
  },
  regions: [region],
  defaultRegion: region,
  endpoints: {},
  options: {
    driver: lab.driver,
    hosts: lab.hosts.map((host) => ({ capacity: { vcpus: 1024, memory_mib: 2 ** 20 }, cost, ...host })),
    sizes,
    object_store: { folder: objects },
    addresses: ['127.0.77.1', '127.0.77.2', '127.0.77.3', '127.0.77.4', '127.0.77.5', '127.0.77.6'],
    shutdown_grace_ms: 50,
    poll_ms: 10,
    request_timeout_ms: 20_000,
    throttle_wait_ms: 100,
    ...lab.options,
  },
  workerId: 'worker-7f3a',
})

const cost = {
  hardware: '9600',
  amortise_months: 48,
  power_watts: 300,
  power_price_per_kwh: '0.25',
  space_per_month: '120',
  storage_per_gib_month: '0.04',
  since: '2026-01-01',
}

const sizes = [
  { name: 'tiny', vcpus: 1, memory_mib: 256 },
  { name: 'small', vcpus: 2, memory_mib: 512 },
  // More vCPUs and no more memory: what a guest without drivers can be given while it runs.
  { name: 'tiny-2', vcpus: 2, memory_mib: 256 },
  { name: 'tiny-3', vcpus: 3, memory_mib: 256 },
  ...Array.from({ length: 10 }, (_, index) => ({
    name: `more-${index}`,
    vcpus: 2 + index,
    memory_mib: 512 * (index + 1),
  })),
]

async function writeDisk(site: Site, lab: Lab, id: string, offset: number, data: Buffer): Promise<void> {
  const found = await site.find('volume', id, region)
  if (!found) throw new Error(`there is no volume ${id}`)
  const { host, body } = found
  const machine = body.vm === undefined ? undefined : await host.machines.status(body.vm)
  if (body.vm !== undefined && machine?.state === 'running')
    return lab.writeRunning(
      site,
      { host: host.name, machine: body.vm, device: body.device ?? '' },
      offset,
      data,
    )
  const { pool, format, keyName } = body
  const sink = await host.volumes.openSink({
    pool,
    name: `${id}.${format}`,
    format,
    ...(keyName === undefined ? {} : { keyName }),
  })
  try {
    await sink.write({ offset, data, sha256: digest(data) })
    await sink.flush()
  } finally {
    await sink.close()
  }
}

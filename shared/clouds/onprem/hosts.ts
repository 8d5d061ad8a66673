import { createCallWatch, type CallWatch } from '#shared/clouds/watch.ts'
import { createGate, type ErrorRule, type HostGate, type Interceptor } from '#shared/clouds/onprem/gate.ts'
import type { DriverName, HostContext, HypervisorHost } from '#shared/clouds/onprem/host.ts'
import { createPassphrases } from '#shared/clouds/onprem/keys.ts'
import { createRecordStore, type RecordStore, type Stored } from '#shared/clouds/onprem/record-store.ts'
import type { RecordKind } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import type { HostSettings, OnPremSettings } from '#shared/clouds/onprem/settings.ts'

/** One host of the site: what its driver does, and how it is registered. */
export interface Host extends Pick<HypervisorHost, 'facts' | 'machines' | 'volumes' | 'networks'> {
  /** The port's zone. */
  readonly name: string
  /** Its location, the port's region. */
  readonly region: string
  readonly settings: HostSettings
  readonly records: RecordStore
  /** The driver's own, for what goes between two hosts. */
  readonly hypervisor: HypervisorHost
}

/** A record, and the host that it lies on. */
export type Found<K extends RecordKind> = Stored<K> & { host: Host }

/** All hosts of a registration: what every facet of the provider is made with. */
export interface Site {
  readonly settings: OnPremSettings
  readonly hosts: readonly Host[]
  readonly watch: CallWatch
  passphrase(keyName: string): string
  /** A gate to what is no hypervisor, such as an object store; `name` is how errors call it. */
  gateTo(name: string, rules: readonly ErrorRule[]): HostGate
  /** Hosts of a location, in the registration's order. @throws CloudError `invalid_request` for a location that no host is at. */
  inRegion(region: string): readonly Host[]
  byZone(name: string): Host | undefined
  /** The host that keeps the location's records: the first one. */
  homeOf(region: string): Host
  /** Looks on every host of the location. @throws what a host threw, if none has it and one could not be asked. */
  find<K extends RecordKind>(kind: K, id: string, region: string): Promise<Found<K> | undefined>
  /** Of every host of the location (undefined: of all), host after host. What moves between two is given once. */
  all<K extends RecordKind>(kind: K, region: string | undefined): AsyncIterable<Found<K>>
  close(): void
}

/** Makes no call. Loads the driver that the registration names, and no other. */
export async function openSite(
  settings: OnPremSettings,
  { intercept }: { intercept?: Interceptor } = {},
): Promise<Site> {
  const {
    driver,
    throttle_wait_ms: absorbMs,
    request_timeout_ms: requestTimeoutMs,
    shutdown_grace_ms: shutdownGraceMs,
  } = settings.options
  const watch = createCallWatch({ absorbMs, calls: settings.calls })
  const passphrase = createPassphrases(settings)
  const { open, rules } = await drivers[driver](settings)
  const gateTo: Site['gateTo'] = (name, rulesOf) =>
    createGate({
      host: name,
      rules: rulesOf,
      watch,
      requestTimeoutMs,
      ...(intercept ? { intercept } : {}),
    })
  const hosts = settings.options.hosts.map((host) => {
    const gate = gateTo(host.name, rules)
    return openHost(
      open(host, { name: host.name, gate, passphrase, shutdownGraceMs, requestTimeoutMs }),
      host,
    )
  })
  return assemble(settings, hosts, { watch, passphrase, gateTo })
}

function assemble(
  settings: OnPremSettings,
  hosts: readonly Host[],
  shared: Pick<Site, 'watch' | 'passphrase' | 'gateTo'>,
): Site {
  const homeOf = (region: string) => {
    const first = hosts.find((host) => host.region === region)
    if (first) return first
    throw refusal('open', `region: no host of provider ${settings.providerId} is at "${region}".`, {
      code: 'invalid_request',
      remedy: `Use one of: ${[...new Set(hosts.map((host) => host.region))].join(', ')}.`,
    })
  }
  const inRegion = (region: string) => {
    homeOf(region)
    return hosts.filter((host) => host.region === region)
  }
  return {
    settings,
    hosts,
    ...shared,
    inRegion,
    byZone: (name) => hosts.find((host) => host.name === name),
    homeOf,
    find: (kind, id, region) => findOn(inRegion(region), kind, id),
    all: (kind, region) => allOn(region === undefined ? hosts : inRegion(region), kind),
    close: () => {
      for (const { hypervisor } of hosts) hypervisor.close()
    },
  }
}

async function findOn<K extends RecordKind>(
  hosts: readonly Host[],
  kind: K,
  id: string,
): Promise<Found<K> | undefined> {
  if (!idPattern.test(id)) return undefined
  const answers = await Promise.allSettled(hosts.map((host) => host.records.get(kind, id)))
  const found = hosts.flatMap((host, index) => {
    const answer = answers[index]
    return answer?.status === 'fulfilled' && answer.value !== undefined
      ? [{ id, body: answer.value, host }]
      : []
  })
  const here = found.find(({ body }) => !isLeaving(body)) ?? found.find(({ body }) => !isArriving(body))
  if (here) return here
  for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
  return undefined
}

async function* allOn<K extends RecordKind>(hosts: readonly Host[], kind: K): AsyncGenerator<Found<K>> {
  const given = new Set<string>()
  const leaving: Found<K>[] = []
  for (const host of hosts)
    for (const stored of await host.records.list(kind)) {
      if (isArriving(stored.body)) continue
      if (isLeaving(stored.body)) {
        leaving.push({ ...stored, host })
        continue
      }
      given.add(stored.id)
      yield { ...stored, host }
    }
  for (const each of leaving) if (!given.has(each.id)) yield each
}

/** A VM or snapshot that moves has a record at either host; it is at the new one once nothing says there that it is still to come. */
const isArriving = (body: object): boolean =>
  ('phase' in body && body.phase === 'arriving') || 'arriving' in body
const isLeaving = (body: object): boolean => 'moving' in body || isArriving(body)

/** What is not of this form was not made by us, and becomes no file's name. */
const idPattern = /^[A-Za-z0-9][A-Za-z0-9-]{0,127}$/

function openHost(hypervisor: HypervisorHost, settings: HostSettings): Host {
  return {
    name: settings.name,
    region: settings.location,
    settings,
    hypervisor,
    records: createRecordStore(hypervisor.records, settings.name),
    facts: () => hypervisor.facts(),
    machines: hypervisor.machines,
    volumes: hypervisor.volumes,
    networks: hypervisor.networks,
  }
}

interface Driver {
  rules: readonly ErrorRule[]
  open(host: HostSettings, context: HostContext): HypervisorHost
}

const drivers: Record<DriverName, (settings: OnPremSettings) => Promise<Driver>> = {
  qemu: async ({ options: { run_as: runAs } }) => {
    const { openQemuHost } = await import('#shared/clouds/onprem/qemu/qemu.ts')
    const { qemuErrorRules } = await import('#shared/clouds/onprem/qemu/error-rules.ts')
    return {
      rules: qemuErrorRules,
      open: (host, context) => openQemuHost(runAs ? { ...host, runAs } : host, context),
    }
  },
  libvirt: async ({ credentials: { ssh_private_key: privateKey, ssh_known_hosts: knownHosts } }) => {
    const { openLibvirtHost } = await import('#shared/clouds/onprem/libvirt/libvirt.ts')
    const { libvirtErrorRules } = await import('#shared/clouds/onprem/libvirt/error-rules.ts')
    const ssh = { ...(privateKey ? { privateKey } : {}), ...(knownHosts ? { knownHosts } : {}) }
    return { rules: libvirtErrorRules, open: (host, context) => openLibvirtHost(host, { ...context, ssh }) }
  },
}

import type { HostFacts } from '#shared/clouds/onprem/host.ts'
import type { Architecture } from '#shared/clouds/facets/terms.ts'
import type { LibvirtHost } from './connection.ts'
import { presentBridges } from './networks/bridges.ts'
import { smokeBoot } from './smoke.ts'
import { ask } from './volumes/base.ts'
import { child, childrenOf, parseXml, type XmlElement } from './xml.ts'

/** What the host is and can. That it answers is seen each time; the rest is found out once, and a failed attempt is not kept. */
export function createFacts(host: LibvirtHost): () => Promise<HostFacts> {
  let found: Promise<Omit<HostFacts, 'hypervisor' | 'growing'>> | undefined
  return async () => {
    const { text: version } = await ask(host, ['version', '--daemon'], { mutating: false })
    found ??= find(host).catch((error: unknown) => {
      found = undefined
      throw error
    })
    const daemon = /daemon: (\S+)/.exec(version)?.[1] ?? '?'
    return {
      hypervisor: `libvirt ${daemon} with ${/hypervisor: (.+)/.exec(version)?.[1] ?? 'QEMU'}`,
      growing: { vcpus: true, memory: knowsVirtioMem(daemon) },
      ...(await found),
    }
  }
}

/** Since 7.9.0: https://libvirt.org/news.html */
function knowsVirtioMem(daemon: string): boolean {
  const [major = 0, minor = 0] = daemon.split('.').map(Number)
  return major > 7 || (major === 7 && minor >= 9)
}

async function find(host: LibvirtHost): Promise<Omit<HostFacts, 'hypervisor' | 'growing'>> {
  const read = async (...words: string[]) => (await ask(host, words, { mutating: false })).text
  const [node, capabilities, bridges] = await Promise.all([
    read('nodeinfo'),
    read('capabilities').then(parseXml),
    presentBridges(host),
  ])
  const domain = parseXml(await read('domcapabilities', '--virttype', 'qemu', '--machine', 'q35'))
  return {
    cpus: Number(/^CPU\(s\):\s+(\d+)/m.exec(node)?.[1]),
    memoryMib: Math.floor(Number(/^Memory size:\s+(\d+) KiB/m.exec(node)?.[1]) / 1024),
    architectures: architecturesOf(capabilities),
    firmwares: hasUefi(domain) ? ['bios', 'uefi'] : ['bios'],
    acceleration: await accelerationOf(host, capabilities),
    networkKinds: host.privileged
      ? ['user', 'nat', ...(bridges.length > 0 ? (['bridge'] as const) : [])]
      : ['user'],
    filter: host.privileged ? 'nwfilter' : 'forwards',
  }
}

/**
 * libvirt calls KVM usable wherever `/dev/kvm` opens, also where no guest boots under it (a nested one may take minutes for the BIOS alone). So
 * the processor must have the feature, and a guest must boot within a second.
 */
async function accelerationOf(
  host: LibvirtHost,
  capabilities: XmlElement,
): Promise<HostFacts['acceleration']> {
  const features = new Set(
    childrenOf(child(capabilities, 'host', 'cpu'), 'feature').map(({ attributes }) => attributes['name']),
  )
  const emulated = (why: string) => ({ kind: 'tcg' as const, reason: `emulation, because ${why}` })
  if (!features.has('vmx') && !features.has('svm'))
    return emulated('the processor offers no hardware virtualisation (vmx or svm)')
  if (!guestsOf(capabilities, 'x86_64').some((guest) => offers(guest, 'kvm')))
    return emulated('libvirt offers no KVM there')
  const complaint = await smokeBoot(host, 'kvm', 1_000)
  if (complaint === '') return { kind: 'kvm', reason: 'a guest booted under KVM' }
  return emulated(`KVM did not boot a guest within 1000 ms (${complaint})`)
}

const architecturesOf = (capabilities: XmlElement): Architecture[] => [
  ...(guestsOf(capabilities, 'x86_64').length > 0 ? (['x86_64'] as const) : []),
  ...(guestsOf(capabilities, 'aarch64').length > 0 ? (['arm64'] as const) : []),
]

const guestsOf = (capabilities: XmlElement, arch: string): XmlElement[] =>
  childrenOf(capabilities, 'guest')
    .map((guest) => child(guest, 'arch'))
    .filter((each) => each?.attributes['name'] === arch)
    .filter((each) => each !== undefined)

const offers = (guest: XmlElement, type: string): boolean =>
  childrenOf(guest, 'domain').some(({ attributes }) => attributes['type'] === type)

const hasUefi = (domain: XmlElement): boolean =>
  childrenOf(child(domain, 'os'), 'enum')
    .filter(({ attributes }) => attributes['name'] === 'firmware')
    .some((each) => childrenOf(each, 'value').some(({ text }) => text === 'efi'))

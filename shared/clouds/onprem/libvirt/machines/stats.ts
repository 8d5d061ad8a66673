import { isIP } from 'node:net'
import type { MachineStats } from '#shared/clouds/onprem/host.ts'
import type { LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import { checkedUuid } from '#shared/clouds/onprem/libvirt/names.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'
import { isError } from '#shared/clouds/onprem/libvirt/volumes/errors.ts'
import { stateOf, unlessGone } from './look.ts'

/** Counters of a running machine. https://libvirt.org/manpages/virsh.html#domstats */
export async function readStats(host: LibvirtHost, id: string): Promise<MachineStats | undefined> {
  const words = ['domstats', '--state', '--cpu-total', '--balloon', '--interface', '--block', checkedUuid(id)]
  const answer = await ask(host, words, { mutating: false, resource: id }).catch(unlessGone)
  if (!answer) return undefined
  const values = new Map(answer.text.split('\n').flatMap(readLine))
  if (!['1', '2', '3'].includes(values.get('state.state') ?? '')) return undefined
  const sum = (pattern: RegExp) =>
    [...values].reduce((all, [name, value]) => (pattern.test(name) ? all + Number(value) : all), 0)
  const residentKib = values.get('balloon.rss')
  // QEMU's user-mode network counts nothing.
  const counted = Number(values.get('net.count') ?? 0) > 0
  return {
    atMs: Date.now(),
    cpuTimeMs: Number(values.get('cpu.time') ?? 0) / 1e6,
    ...(residentKib === undefined ? {} : { memoryUsedMib: Math.ceil(Number(residentKib) / 1024) }),
    diskReadBytes: sum(/^block\.\d+\.rd\.bytes$/),
    diskWriteBytes: sum(/^block\.\d+\.wr\.bytes$/),
    diskReadOps: sum(/^block\.\d+\.rd\.reqs$/),
    diskWriteOps: sum(/^block\.\d+\.wr\.reqs$/),
    ...(counted
      ? { networkInBytes: sum(/^net\.\d+\.rx\.bytes$/), networkOutBytes: sum(/^net\.\d+\.tx\.bytes$/) }
      : {}),
  }
}

/** Addresses as the guest's agent tells, else as the host's DHCP gave them. */
export async function readAddresses(host: LibvirtHost, id: string): Promise<string[]> {
  if ((await stateOf(host, id)) !== 'running') return []
  for (const source of ['agent', 'lease']) {
    const call = { mutating: false, resource: id }
    const answer = await ask(host, ['domifaddr', id, '--source', source], call).catch((error: unknown) => {
      if (isError(error, /^VIR_ERR_/)) return undefined
      throw error
    })
    const found = answer?.text.split('\n').flatMap(readAddress) ?? []
    if (found.length > 0) return [...new Set(found)]
  }
  return []
}

function readLine(line: string): [string, string][] {
  const [, name, value] = /^\s+([\w.]+)=(.*)$/.exec(line) ?? []
  return name === undefined || value === undefined ? [] : [[name, value]]
}

/** A line of `domifaddr`: interface, MAC, protocol, address with its prefix. Loopback and link-local ones lead nowhere. */
function readAddress(line: string): string[] {
  const address = line.trim().split(/\s+/)[3]?.split('/')[0] ?? ''
  return isIP(address) && !/^(127\.|::1$|fe80:|169\.254\.)/i.test(address) ? [address] : []
}

import { CloudError } from '#shared/clouds/errors.ts'
import type { MachineSpec, MachineState, MachineStatus } from '#shared/clouds/onprem/host.ts'
import type { LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import { checkedUuid, domainName, machineOf } from '#shared/clouds/onprem/libvirt/names.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'
import { parseXml, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { specOf } from './domain-xml.ts'

/** A machine's definition: as it is written down (`next`), or as it runs now. Undefined if there is none. */
export async function domainOf(
  host: LibvirtHost,
  id: string,
  which: 'next' | 'now' = 'next',
): Promise<XmlElement | undefined> {
  const words = ['dumpxml', checkedUuid(id), ...(which === 'next' ? ['--inactive'] : [])]
  const answer = await ask(host, words, { mutating: false, resource: id }).catch(unlessGone)
  return answer && parseXml(answer.text)
}

export async function findSpec(host: LibvirtHost, id: string): Promise<MachineSpec | undefined> {
  const domain = await domainOf(host, id)
  return domain && specOf(domain)
}

/** @throws CloudError `not_found` */
export async function requireSpec(host: LibvirtHost, id: string): Promise<MachineSpec> {
  const spec = await findSpec(host, id)
  if (spec) return spec
  throw refusal('machines', `There is no machine ${id} on host ${host.name}.`, { code: 'not_found' })
}

export async function stateOf(host: LibvirtHost, id: string): Promise<MachineState | undefined> {
  const call = { mutating: false, resource: id }
  const answer = await ask(host, ['domstats', '--state', checkedUuid(id)], call).catch(unlessGone)
  const seen = answer && readStates(answer.text).get(id)
  if (seen !== 'stopped') return seen
  const facts = await ask(host, ['dominfo', id], call).catch(unlessGone)
  return /^Managed save:\s+yes/m.test(facts?.text ?? '') ? 'saved' : seen
}

/** Of all machines in two calls. */
export async function statusOfAll(host: LibvirtHost): Promise<MachineStatus[]> {
  const [stats, saved] = await Promise.all([
    ask(host, ['domstats', '--state'], { mutating: false }),
    ask(host, ['list', '--all', '--with-managed-save', '--name'], { mutating: false }),
  ])
  const names = new Set(saved.text.split('\n').map((line) => line.trim()))
  return [...readStates(stats.text)].map(([id, state]) => ({
    id,
    state: state === 'stopped' && names.has(domainName(id)) ? 'saved' : state,
  }))
}

/** For `catch`: undefined where the domain is gone. */
export function unlessGone(error: unknown): undefined {
  if (error instanceof CloudError && error.vendorCode === 'VIR_ERR_NO_DOMAIN') return
  throw error
}

/**
 * Reads `domstats --state`, ours only: `Domain: 'nc-…'` and then `state.state` and `state.reason` as numbers of
 * https://libvirt.org/html/libvirt-libvirt-domain.html#virDomainState
 */
function readStates(text: string): Map<string, MachineState> {
  const found = new Map<string, MachineState>()
  for (const block of text.split(/^Domain: /m).slice(1)) {
    const id = machineOf(/^'([^']*)'/.exec(block)?.[1] ?? '')
    const [, state] = /state\.state=(\d+)/.exec(block) ?? []
    const [, reason] = /state\.reason=(\d+)/.exec(block) ?? []
    if (id !== undefined) found.set(id, meaningOf(Number(state), Number(reason)))
  }
  return found
}

function meaningOf(state: number, reason: number): MachineState {
  // Running, blocked on something, asleep by its own wish, about to end.
  if ([1, 2, 4, 7].includes(state)) return 'running'
  if (state === 3) return 'paused'
  if (state === 6) return 'crashed'
  // Shut off: 3 is its process gone without a word, 8 gone while the daemon was away.
  return reason === 3 || reason === 8 ? 'crashed' : 'stopped'
}

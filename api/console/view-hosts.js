import { api } from './api.js'
import { h } from './dom.js'
import { bytes } from './format.js'
import { actionButton, bar, empty, pill, section, table } from './parts.js'

const hostPath = (providerId) => `/providers/${encodeURIComponent(providerId)}/hosts`

/** The hosts of an on-premise provider, by location, with why a location cannot tell; undefined for other clouds. */
export async function loadHosts({ id, type, config }, operations) {
  if (type !== 'on-premise' || !operations.some((one) => one.operation === 'hosts.list' && one.supported))
    return undefined
  return Promise.all(
    config.regions.map(async (region) => {
      const query = new URLSearchParams({ region })
      try {
        const { hosts } = await api(`${hostPath(id)}?${query}`, {
          headers: { accept: 'application/json', prefer: 'wait=3' },
        })
        return { region, hosts }
      } catch (error) {
        return { region, message: error.message }
      }
    }),
  )
}

/** A section for each location, with a host in each row and what can be done with it. */
export const hostSections = (providerId, locations = [], context) =>
  locations.map(({ region, hosts, message }) =>
    section(
      `Hosts at ${region}`,
      hosts && `${hosts.filter(({ state }) => state === 'ready').length} of ${hosts.length} in service`,
      hosts
        ? table(
            ['Host', 'VMs', 'vCPUs', 'Memory', 'Storage', ''],
            hosts.map((host) => ({ cells: cellsOf(providerId, host, context) })),
          )
        : empty('Being asked', message ?? 'The hosts are asked what they have; it shows in a moment.'),
    ),
  )

const cellsOf = (providerId, host, context) => [
  [
    h('b', {}, host.name),
    ' ',
    pill(host.state, tones[host.state]),
    h('span.sub', {}, host.message ?? host.hypervisor),
    host.acceleration &&
      h('span.sub', { title: host.acceleration.reason }, accelerations[host.acceleration.kind]),
  ],
  String(host.vms),
  room(host.vcpus, String),
  room(host.memory_mib, (mib) => bytes(mib * 2 ** 20)),
  host.pools.map(({ name, total_bytes: total, free_bytes: free }) =>
    h(
      'div',
      { title: name },
      bar((total - free) / total),
      h('span.sub', {}, `${bytes(free)} free in ${name}`),
    ),
  ),
  host.state === 'maintenance'
    ? actionButton(context, {
        permission: 'providers:manage',
        label: 'Back into service',
        name: 'play',
        path: `${hostPath(providerId)}/${encodeURIComponent(host.name)}/open`,
      })
    : host.state === 'ready' &&
      actionButton(context, {
        permission: 'providers:manage',
        label: 'Drain',
        name: 'retry',
        path: `${hostPath(providerId)}/${encodeURIComponent(host.name)}/drain`,
        question: `Move every VM away from ${host.name}, and place nothing new on it?`,
      }),
]

const tones = { ready: 'good', maintenance: 'warn', unreachable: 'bad' }
const accelerations = { kvm: 'hardware acceleration (KVM)', tcg: 'emulation (TCG), slow' }

const room = ({ limit, used }, show) =>
  limit ? [bar(used / limit), h('span.sub', {}, `${show(used)} of ${show(limit)}`)] : '–'

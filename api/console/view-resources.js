import { api } from './api.js'
import { h } from './dom.js'
import { ago, moment } from './format.js'
import { empty, head, pill, table } from './parts.js'

/** Each kind with its path, its name, and the fact that tells most about one of it. */
const kinds = [
  ['networks', 'Networks', (one) => one.cidrs.join(', ')],
  ['security-groups', 'Security groups', (one) => `${one.rules.length} rules`],
  ['addresses', 'Addresses', (one) => one.ip],
  ['volumes', 'Volumes', (one) => one.size_gib && `${one.size_gib} GiB ${one.type ?? ''}`],
  ['snapshots', 'Snapshots', (one) => one.size_gib && `${one.size_gib} GiB`],
  ['images', 'Images', (one) => one.architecture],
  ['buckets', 'Buckets', (one) => one.access],
]

/** What there is beside VMs, one kind at a time. */
export function resourceList(path = 'networks') {
  const [, title, fact] = kinds.find(([candidate]) => candidate === path) ?? kinds[0]
  return {
    load: async () => (await api(`/${path}?limit=200`))[path.replace('-', '_')],
    draw: (resources) =>
      h(
        'div',
        {},
        head('Resources', 'What VMs stand on: made here, or found by a sync.'),
        h(
          'nav.row.tabs',
          { 'aria-label': 'Kinds' },
          kinds.map(([each, name]) =>
            h('a', { href: `#/resources/${each}`, 'aria-current': each === path ? 'page' : undefined }, name),
          ),
        ),
        h(
          'section.card.section',
          {},
          resources.length > 0
            ? table(
                ['Name', 'State', 'Where', 'What', 'Created'],
                resources.map((one) => ({
                  cells: [
                    [h('b', {}, one.name), h('span.sub.mono', {}, one.cloud_id?.split('/').at(-1) ?? one.id)],
                    pill(one.state),
                    [one.provider_id, h('span.sub', {}, one.region)],
                    fact(one) ?? '–',
                    [
                      h('span.quiet', { title: moment(one.created_at) }, ago(one.created_at)),
                      one.found && h('span.sub', {}, 'found'),
                    ],
                  ],
                })),
              )
            : empty(
                `No ${title.toLowerCase()} yet`,
                `Create one with POST /api/multicloud/${path}, or sync a provider.`,
              ),
        ),
      ),
  }
}

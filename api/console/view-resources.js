import { pagedList } from './api.js'
import { h } from './dom.js'
import { empty, head, moreRows, pill, table, tabs, when } from './parts.js'

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
export function resourceList(path) {
  const list = pagedList(`/${path}`, path.replace('-', '_'))
  const [, title, fact] = kinds.find(([candidate]) => candidate === path) ?? kinds[0]
  return {
    load: () => list.load(),
    draw: (page, context) =>
      h(
        'div',
        {},
        head('Resources', 'What VMs stand on: made here, or found by a sync.'),
        tabs(
          'Kinds',
          kinds.map(([each, name]) => [`#/resources/${each}`, name, each === path]),
        ),
        h(
          'section.card.section',
          {},
          page.rows.length > 0
            ? table(
                ['Name', 'State', 'Where', 'What', 'Created'],
                page.rows.map((one) => ({
                  cells: [
                    [h('b', {}, one.name), h('span.sub.mono', {}, one.cloud_id?.split('/').at(-1) ?? one.id)],
                    pill(one.state),
                    [one.provider_id, h('span.sub', {}, one.region)],
                    fact(one) ?? '–',
                    [when(one.created_at), one.found && h('span.sub', {}, 'found by a sync')],
                  ],
                })),
              )
            : empty(
                `No ${title.toLowerCase()} yet`,
                `Create one with POST /api/multicloud/${path}, or sync a provider.`,
              ),
          moreRows(list, page, context),
        ),
      ),
  }
}

import { api } from './api.js'
import { h, icon } from './dom.js'
import { moment, words } from './format.js'
import { jobTable } from './job-parts.js'
import { hostSections, loadHosts } from './view-hosts.js'
import { checkButton, clouds } from './view-providers.js'
import { actionButton, facts, fold, head, pill, section, table, when } from './parts.js'

/** One provider: how it is, what its cloud does and lacks, and a sync of what is in it. */
export const providerDetail = (id) => ({
  load: async () => {
    const path = `/providers/${encodeURIComponent(id)}`
    const [provider, can, { jobs }] = await Promise.all([
      api(path),
      api(`${path}/capabilities`),
      api(`/jobs?subject=${encodeURIComponent(id)}&limit=5`),
    ])
    return { provider, can, jobs, locations: await loadHosts(provider, can.operations) }
  },
  draw: ({ provider, can, jobs, locations }, context) =>
    h(
      'div',
      {},
      head(
        provider.name,
        h(
          'span.row.wrap',
          {},
          provider.enabled ? pill(provider.health.status) : pill('disabled', ''),
          clouds[provider.type] ?? provider.type,
          h('span', {}, 'checked ', when(provider.health.checked_at, 'not yet')),
        ),
        [
          checkButton(provider, context, 'Check now'),
          actionButton(context, {
            permission: 'providers:sync',
            label: 'Sync',
            name: 'retry',
            path: `/providers/${encodeURIComponent(id)}/sync`,
          }),
        ],
        ['#/providers', 'Providers'],
      ),
      h(
        'div.stack',
        {},
        provider.health.message &&
          h(
            'div.notice.bad',
            {},
            icon('warning'),
            h(
              'div',
              {},
              h('b', {}, provider.health.message),
              h('p.quiet', {}, `Code: ${provider.health.code}.`),
            ),
          ),
        section('Facts', '', factsOf(provider)),
        hostSections(id, locations, context),
        jobs.length > 0 && section('Jobs', '', jobTable(jobs)),
        fold(
          'Operations',
          `${can.operations.filter(({ supported }) => supported).length} of ${can.operations.length} can be done here`,
          table(
            ['Operation', '', 'By'],
            can.operations.map((one) => ({
              cells: [
                [one.title, h('span.sub.mono', {}, one.operation)],
                one.supported ? pill('yes', 'good') : pill('no', 'warn'),
                one.supported
                  ? [h('span.mono', {}, one.calls.join(', ')), one.note && h('span.sub', {}, one.note)]
                  : [one.reason, one.remedy && h('span.sub', {}, one.remedy)],
              ],
            })),
          ),
        ),
        fold(
          'Platform services',
          `${can.features.filter(({ supported }) => supported).length} of ${can.features.length}, for required_capabilities`,
          table(
            ['Service', '', ''],
            can.features.map((one) => ({
              cells: [
                words(one.feature),
                one.supported ? pill('yes', 'good') : pill('no', 'warn'),
                one.service ?? one.reason,
              ],
            })),
          ),
        ),
      ),
    ),
})

const factsOf = ({ id, config, health, created_at: createdAt }) =>
  facts([
    ['Id', h('span.mono', {}, id)],
    ['Account', health.account_id && h('span.mono', {}, health.account_id)],
    ['Answered in', health.latency_ms !== null && `${health.latency_ms} ms`],
    ['Registered', moment(createdAt)],
    ['Regions', config.regions.join(', '), true],
    ['Default region', config.default_region],
    ['Credentials kept', config.credentials_set.join(', '), true],
    [
      'Other addresses',
      Object.entries(config.endpoints)
        .map(([service, url]) => `${service}: ${url}`)
        .join(', '),
      true,
    ],
  ])

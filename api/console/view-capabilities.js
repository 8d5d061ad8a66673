import { api } from './api.js'
import { h } from './dom.js'
import { words } from './format.js'
import { hostSections, loadHosts } from './view-hosts.js'
import { clouds } from './view-providers.js'
import { actionButton, head, pill, section, table } from './parts.js'

/** What one provider's cloud does and lacks, and a sync of what is in it. */
export const providerDetail = (id) => ({
  load: async () => {
    const provider = await api(`/providers/${encodeURIComponent(id)}/capabilities`)
    return { provider, locations: await loadHosts(provider) }
  },
  draw: ({ provider, locations }, context) =>
    h(
      'div',
      {},
      head(
        provider.provider_id,
        `What NovaCron can do on this ${clouds[provider.provider_type] ?? provider.provider_type} account.`,
        [
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
        hostSections(id, locations, context),
        section(
          'Operations',
          `${provider.operations.filter(({ supported }) => supported).length} of ${provider.operations.length}`,
          table(
            ['Operation', '', 'By'],
            provider.operations.map((one) => ({
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
        section(
          'Platform services',
          'for required_capabilities',
          table(
            ['Service', '', ''],
            provider.features.map((one) => ({
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

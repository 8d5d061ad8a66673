import { api } from './api.js'
import { h, icon } from './dom.js'
import { ago, moment } from './format.js'
import { empty, head, pill, table } from './parts.js'

export const clouds = {
  aws: 'Amazon Web Services',
  azure: 'Microsoft Azure',
  gcp: 'Google Cloud',
  'on-premise': 'On-premise',
}

/** The registered clouds and what their last check found. */
export const providerList = () => ({
  load: async () => (await api('/providers?limit=200')).providers,
  draw: (providers, context) =>
    h(
      'div',
      {},
      head('Providers', 'Cloud accounts that VMs live on.'),
      h(
        'section.card.section',
        {},
        providers.length > 0
          ? table(
              ['Provider', 'Health', 'Regions', 'Account', 'Checked', ''],
              providers.map((provider) => ({
                href: `#/providers/${encodeURIComponent(provider.id)}`,
                cells: [
                  [
                    h(
                      'b',
                      {},
                      h('a', { href: `#/providers/${encodeURIComponent(provider.id)}` }, provider.name),
                    ),
                    h(
                      'span.sub',
                      {},
                      [clouds[provider.type] ?? provider.type, provider.name !== provider.id && provider.id]
                        .filter(Boolean)
                        .join(' · '),
                    ),
                  ],
                  [
                    provider.enabled ? pill(provider.health.status) : pill('disabled', ''),
                    provider.health.message && h('span.sub', {}, provider.health.message),
                  ],
                  provider.config.regions.join(', '),
                  h('span.mono', {}, provider.health.account_id ?? '–'),
                  h(
                    'span.quiet.tight',
                    { title: moment(provider.health.checked_at) },
                    provider.health.checked_at ? ago(provider.health.checked_at) : 'not yet',
                  ),
                  h(
                    'button.plain',
                    { title: 'Check now', onclick: () => check(provider.id, context) },
                    icon('retry'),
                  ),
                ],
              })),
            )
          : empty('No providers yet', 'Register one with POST /api/multicloud/providers.'),
      ),
    ),
})

async function check(id, context) {
  await api(`/providers/${encodeURIComponent(id)}/health?refresh=true`, {
    headers: { accept: 'application/json', prefer: 'wait=10' },
  }).catch(() => {})
  context.refresh()
}

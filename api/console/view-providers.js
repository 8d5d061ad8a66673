import { api } from './api.js'
import { h, icon } from './dom.js'
import { empty, head, pill, table, when } from './parts.js'

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
      head('Providers', 'Cloud accounts and hosts of your own that VMs live on.'),
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
                    provider.health.message &&
                      h('span.sub.clamp', { title: provider.health.message }, provider.health.message),
                  ],
                  h('span.clamp', { title: regionsOf(provider) }, regionsOf(provider)),
                  h('span.mono', {}, provider.health.account_id ?? '–'),
                  when(provider.health.checked_at, 'not yet'),
                  checkButton(provider, context),
                ],
              })),
            )
          : empty('No providers yet', [
              'Register one with ',
              h('a', { href: '/docs#registerProvider' }, 'POST /api/multicloud/providers'),
              '.',
            ]),
      ),
    ),
})

const regionsOf = ({ config }) => config.regions.join(', ')

/** Asks the cloud now whether it can be reached. */
export const checkButton = ({ id, name }, context, label) =>
  h(
    label ? 'button' : 'button.plain',
    {
      title: 'Check now',
      'aria-label': `Check ${name} now`,
      onclick: ({ currentTarget }) => check(id, context, currentTarget),
    },
    icon('retry'),
    label,
  )

async function check(id, context, button) {
  button.disabled = true
  await api(`/providers/${encodeURIComponent(id)}/health?refresh=true`, {
    headers: { accept: 'application/json', prefer: 'wait=10' },
  }).catch(() => {})
  button.disabled = false
  context.refresh()
}

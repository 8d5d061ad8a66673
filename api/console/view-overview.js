import { api } from './api.js'
import { h, icon } from './dom.js'
import { kindName } from './format.js'
import { jobHref, jobTable } from './job-parts.js'
import { empty, head, section, tile, when } from './parts.js'
import { migrationTable } from './migration-table.js'

const unfinished = new Set(['pending', 'in_progress'])
/** What NovaCron does by itself is no news. */
const chores = new Set(['provider.check', 'cloud.read'])
const shownOfEach = 4
const failuresShownMs = 24 * 3_600_000
const manyRows = 200

/** What there is, what is in motion, and what somebody should look at. */
export const overview = () => ({
  async load() {
    const [{ providers }, { vms }, active, failed, recent, { migrations }] = await Promise.all([
      api(`/providers?limit=${manyRows}`),
      api(`/vms?limit=${manyRows}`),
      api('/jobs?state=unfinished&limit=50'),
      api('/jobs?state=failed&limit=10'),
      api('/jobs?limit=30'),
      api('/migrations?limit=50'),
    ])
    return {
      providers,
      vms,
      active: active.jobs.filter(({ kind }) => !kind.startsWith('migration.') && !chores.has(kind)),
      moving: migrations.filter(({ status }) => unfinished.has(status)),
      failed: failed.jobs.filter(
        ({ kind, finished_at: at }) => !chores.has(kind) && Date.now() - Date.parse(at) < failuresShownMs,
      ),
      recent: recent.jobs.filter(({ kind }) => !chores.has(kind)).slice(0, 8),
    }
  },
  draw({ providers, vms, active, moving, failed, recent }) {
    const healthy = providers.filter(({ health }) => health.status === 'healthy').length
    const sick = providers.filter(({ enabled, health }) => enabled && health.status === 'unhealthy')
    const running = vms.filter(({ state }) => state === 'running').length
    const many = vms.length === manyRows ? '+' : ''
    return h(
      'div',
      {},
      head('Overview', 'Everything under NovaCron’s care, as it is right now.'),
      h(
        'div.stack',
        {},
        h(
          'div.tiles',
          {},
          tile(
            'Providers',
            String(providers.length),
            providers.length > 0 ? `${healthy} healthy` : 'none registered yet',
            { href: '#/providers' },
          ),
          tile('VMs', `${vms.length}${many}`, `${running}${many} running`, { href: '#/vms' }),
          tile('Migrations under way', String(moving.length), moving.length > 0 ? 'followed below' : 'none', {
            href: '#/migrations',
          }),
          tile('Other jobs in motion', String(active.length), active.length > 0 ? '' : 'all quiet', {
            href: '#/jobs?state=unfinished',
          }),
        ),
        moving.length > 0 && section('Migrations under way', '', migrationTable(moving)),
        active.length > 0 && section('In motion', '', jobTable(active)),
        attention(sick, failed),
        section(
          'Recent jobs',
          h('a', { href: '#/jobs' }, 'All jobs'),
          recent.length > 0
            ? jobTable(recent)
            : empty('Nothing has happened yet', [
                'Register a provider, then create a VM: the ',
                h('a', { href: '/docs' }, 'API reference'),
                ' shows how.',
              ]),
        ),
      ),
    )
  },
})

/** What went wrong lately, each with its reason and the way to it. */
const attention = (sick, failed) =>
  sick.length + failed.length > 0 &&
  section(
    'Needs a look',
    [
      sick.length > 0 && h('a', { href: '#/providers' }, `${sick.length} unhealthy providers`),
      sick.length > 0 && failed.length > 0 && ' · ',
      failed.length > 0 && h('a', { href: '#/jobs?state=failed' }, 'Failed jobs'),
    ],
    h(
      'ul.attention',
      {},
      sick
        .slice(0, shownOfEach)
        .map((provider) =>
          item(
            `#/providers/${encodeURIComponent(provider.id)}`,
            `Provider ${provider.name}`,
            provider.health.message,
            provider.health.checked_at,
          ),
        ),
      failed
        .slice(0, shownOfEach)
        .map((job) =>
          item(
            jobHref(job),
            [kindName(job.kind), job.subject_name].filter(Boolean).join(' · '),
            job.problem?.detail,
            job.finished_at,
          ),
        ),
    ),
  )

const item = (href, title, reason, at) =>
  h(
    'li',
    {},
    icon('warning'),
    h('div', {}, h('a', { href }, title), h('div.quiet.clamp', { title: reason ?? '' }, reason ?? '')),
    when(at),
  )

import { api } from './api.js'
import { h } from './dom.js'
import { ago, kindName } from './format.js'
import { empty, head, jobPill, progress, section, table, tile } from './parts.js'

/** What there is and what is in motion. */
export const overview = () => ({
  async load() {
    const [{ providers }, { vms }, active, recent] = await Promise.all([
      api('/providers?limit=200'),
      api('/vms?limit=200'),
      api('/jobs?state=unfinished&limit=20'),
      api('/jobs?limit=8'),
    ])
    return { providers, vms, active: active.jobs, recent: recent.jobs }
  },
  draw({ providers, vms, active, recent }) {
    const healthy = providers.filter(({ health }) => health.status === 'healthy').length
    const running = vms.filter(({ state }) => state === 'running').length
    const moving = active.filter(({ kind }) => kind.startsWith('migration.')).length
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
          ),
          tile('VMs', `${vms.length}${vms.length === 200 ? '+' : ''}`, `${running} running`),
          tile('Jobs in motion', String(active.length), active.length > 0 ? 'following live' : 'all quiet'),
          tile('Migrations under way', String(moving), moving > 0 ? 'see Migrations' : 'none'),
        ),
        active.length > 0 && section('In motion', `${active.length} unfinished`, jobTable(active)),
        section(
          'Recent jobs',
          h('a', { href: '#/jobs' }, 'All jobs'),
          recent.length > 0
            ? jobTable(recent)
            : empty(
                'Nothing has happened yet',
                'Register a provider, then create a VM: the API reference shows how.',
              ),
        ),
      ),
    )
  },
})

/** Jobs as a table, for here and for the list of jobs. */
export const jobTable = (jobs) =>
  table(
    ['Job', 'State', 'Progress', 'Started'],
    jobs.map((job) => ({
      href: `#/jobs/${job.id}`,
      cells: [
        [
          h('b', {}, h('a', { href: `#/jobs/${job.id}` }, kindName(job.kind))),
          h('span.sub.mono', {}, job.subject ?? job.id),
        ],
        jobPill(job.state),
        progress(job.state === 'succeeded' ? 1 : job.progress, job.state),
        h('span.quiet', { title: job.created_at }, ago(job.created_at)),
      ],
    })),
  )

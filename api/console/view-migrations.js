import { api } from './api.js'
import { h, icon } from './dom.js'
import { ago, bytes, moment, span } from './format.js'
import {
  actionButton,
  bar,
  barTone,
  empty,
  head,
  pill,
  problemBox,
  progress,
  residueBox,
  section,
  table,
  tile,
  warningsBox,
} from './parts.js'
import { eventLog, eventStore, stepList } from './steps.js'

const route = (migration) =>
  h('span.route', {}, migration.source_provider_id, icon('arrow'), migration.destination_provider_id)

export const migrationList = () => ({
  load: async () => (await api('/migrations?limit=100')).migrations,
  draw: (migrations) =>
    h(
      'div',
      {},
      head('Migrations', 'VMs on their way from one provider to another.'),
      h(
        'section.card.section',
        {},
        migrations.length > 0
          ? migrationTable(migrations)
          : empty('No migrations yet', 'Start one with POST /api/multicloud/migrations.'),
      ),
    ),
})

/** Migrations as a table, for here and for the page of a VM. */
export const migrationTable = (migrations) =>
  table(
    ['Route', 'State', 'Progress', 'Started'],
    migrations.map((migration) => ({
      href: `#/migrations/${migration.id}`,
      cells: [
        [
          h('a', { href: `#/migrations/${migration.id}` }, route(migration)),
          h('span.sub.mono', {}, migration.vm_id),
        ],
        pill(migration.status),
        progress(migration.progress / 100, migration.status),
        h('span.quiet', { title: moment(migration.start_time) }, ago(migration.start_time)),
      ],
    })),
  )

/** One migration as it runs: its steps live, what has been measured, and the proof. */
export function migrationDetail(id) {
  const store = eventStore()
  return {
    async load() {
      const migration = await api(`/migrations/${encodeURIComponent(id)}/status`)
      const [job, vm] = await Promise.all([
        api(`/jobs/${migration.job_id}`),
        api(`/vms/${encodeURIComponent(migration.vm_id)}`).catch(() => undefined),
      ])
      return { migration, job, vm }
    },
    follow: ({ job }) => job.id,
    onEvent: (event) => store.add(event),
    draw({ migration, job, vm }, context) {
      const ended = !['pending', 'in_progress'].includes(migration.status)
      return h(
        'div',
        {},
        head(
          vm?.name ?? migration.vm_id,
          h(
            'span.row',
            {},
            pill(migration.status),
            route(migration),
            migration.destination_region && h('span.faint', {}, migration.destination_region),
          ),
          [
            !ended &&
              actionButton(context, {
                permission: 'jobs:control',
                label: 'Cancel',
                name: 'cross',
                tone: 'danger',
                path: `/jobs/${job.id}/cancel`,
                question: 'Cancel this migration? The source is restored to the state that it was in.',
              }),
            ['failed', 'cancelled'].includes(job.state) &&
              actionButton(context, {
                permission: 'jobs:control',
                label: 'Run again',
                name: 'retry',
                tone: 'primary',
                path: `/jobs/${job.id}/retry`,
              }),
          ],
          ['#/migrations', 'Migrations'],
        ),
        h(
          'div.stack',
          {},
          problemBox(migration.problem),
          residueBox(migration.residue),
          overall(migration, job),
          warningsBox(job.warnings),
          h(
            'div.two',
            {},
            stepList(job.steps),
            h('div.stack', {}, measured(migration.metrics), proof(migration.metrics), eventLog(store.events)),
          ),
        ),
      )
    },
  }
}

function overall(migration, job) {
  const ended = !['pending', 'in_progress'].includes(migration.status)
  const taken =
    (migration.end_time ? Date.parse(migration.end_time) : Date.now()) - Date.parse(migration.start_time)
  const left = migration.estimated_completion
    ? Date.parse(migration.estimated_completion) - Date.now()
    : undefined
  const running = job.steps.find(({ state }) => state === 'running')
  return h(
    'section.card.overall',
    {},
    h(
      'div.figures',
      {},
      h('b', {}, `${Math.floor(migration.progress)} %`),
      h(
        'span.quiet',
        {},
        migration.completion_message ??
          (job.waiting ? job.waiting.detail : running ? `${span(taken)} so far` : ''),
      ),
      h('span.quiet', {}, ended ? `took ${span(taken)}` : left > 0 ? `about ${span(left)} left` : ''),
    ),
    bar(migration.progress / 100, barTone(migration.status), true),
  )
}

function measured(metrics) {
  const list = [
    ['Copied', metrics.data_transferred !== null && bytes(metrics.data_transferred)],
    ['Rate', metrics.transfer_rate !== null && `${bytes(metrics.transfer_rate)}/s`],
    ['Downtime', metrics.total_downtime_ms !== undefined && span(metrics.total_downtime_ms)],
    ['Verified in', metrics.verification_time_ms !== undefined && span(metrics.verification_time_ms)],
  ].filter(([, value]) => value)
  return (
    list.length > 0 &&
    h(
      'div.tiles.small',
      {},
      list.map(([label, value]) => tile(label, value, '', true)),
    )
  )
}

/** The digests that were taken at either end. */
function proof({ disks, boot_check: boot }) {
  if (!disks?.length) return false
  return section(
    'Proof',
    'digests taken independently at both ends',
    h(
      'div.proof',
      {},
      disks.map((disk) =>
        h(
          'div.disk',
          {},
          h(
            'div.row',
            { class: disk.identical ? 'ok' : 'bad' },
            icon(disk.identical ? 'shield' : 'warning'),
            disk.identical ? 'Bytes identical' : 'Bytes differ',
            h('span.faint', {}, bytes(disk.size_bytes)),
          ),
          h(
            'div.digest',
            {},
            h('span.faint', {}, 'Source'),
            h('span.mono', {}, disk.source_digest),
            h('span.faint', {}, 'Destination'),
            h('span.mono', {}, disk.destination_digest),
          ),
        ),
      ),
      boot &&
        h(
          'div.disk',
          {},
          h(
            'div.row',
            { class: boot.outcome === 'proved' ? 'ok' : '' },
            icon(boot.outcome === 'proved' ? 'shield' : 'clock'),
            boot.outcome === 'proved' ? 'Boot proved by its console' : 'Boot not proved',
          ),
          h('div.mono', {}, boot.evidence),
        ),
    ),
  )
}

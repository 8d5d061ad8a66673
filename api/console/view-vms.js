import { api, pagedList } from './api.js'
import { h } from './dom.js'
import { moment, shortId } from './format.js'
import { jobTable } from './job-parts.js'
import {
  actionButton,
  empty,
  facts,
  head,
  moreRows,
  pill,
  problemBox,
  section,
  table,
  when,
} from './parts.js'
import { migrationTable } from './migration-table.js'

/** All VMs of all providers. */
export function vmList() {
  const list = pagedList('/vms', 'vms')
  let wanted = ''
  let asking
  return {
    load: () => list.load(wanted ? { name_pattern: `*${wanted}*` } : {}),
    draw: (page, context) =>
      h(
        'div',
        {},
        head('VMs', 'Virtual machines on all of your providers.', [
          h('input.filter', {
            type: 'search',
            placeholder: 'Filter by name',
            'aria-label': 'Filter by name',
            oninput: (event) => {
              wanted = event.target.value.trim()
              clearTimeout(asking)
              asking = setTimeout(() => context.refresh(), typingMs)
            },
          }),
        ]),
        h(
          'section.card.section',
          {},
          page.rows.length > 0
            ? table(
                ['Name', 'State', 'Where', 'Size', 'Address', 'Created'],
                page.rows.map((vm) => ({
                  href: `#/vms/${vm.id}`,
                  cells: [
                    [
                      h('b', {}, h('a', { href: `#/vms/${vm.id}` }, vm.name)),
                      h('span.sub.mono', {}, shortCloudId(vm)),
                    ],
                    pill(vm.state),
                    [vm.provider_id, h('span.sub', {}, vm.region)],
                    vm.instance_type ?? '–',
                    vm.public_ip ?? vm.private_ip ?? '–',
                    when(vm.created_at),
                  ],
                })),
              )
            : wanted
              ? empty('No VM has such a name', 'Try another filter.')
              : empty('No VMs yet', [
                  'Create one with ',
                  h('a', { href: '/docs#createVM' }, 'POST /api/multicloud/vms'),
                  ', or sync a provider to take in those that there are.',
                ]),
          moreRows(list, page, context),
        ),
      ),
  }
}

/** Who types is not asked for in the middle of a word. */
const typingMs = 200

/** Azure's ids are whole paths; their last part tells. */
const shortCloudId = (vm) => (vm.vm_id ? vm.vm_id.split('/').at(-1) : shortId(vm.id))

/** One VM, what can be done with it, and what has been. */
export const vmDetail = (id) => ({
  async load() {
    const name = encodeURIComponent(id)
    const [vm, { jobs }, { migrations }] = await Promise.all([
      api(`/vms/${name}`),
      api(`/jobs?subject=${name}&limit=10`),
      api(`/migrations?vm_id=${name}&limit=10`),
    ])
    return { vm, jobs, migrations }
  },
  draw({ vm, jobs, migrations }, context) {
    const live = vm.vm_id && !['terminated', 'terminating'].includes(vm.state)
    const action = (label, name, verb, question) =>
      actionButton(context, {
        permission: 'vms:operate',
        label,
        name,
        path: `/vms/${vm.id}/${verb}`,
        question,
      })
    return h(
      'div',
      {},
      head(
        vm.name,
        h(
          'span.row.wrap',
          {},
          pill(vm.state),
          h('a', { href: `#/providers/${encodeURIComponent(vm.provider_id)}` }, vm.provider_id),
          vm.region,
        ),
        live
          ? [
              vm.state === 'suspended' && action('Resume', 'play', 'resume'),
              ['stopped', 'error'].includes(vm.state) && action('Start', 'play', 'start'),
              vm.state === 'running' && action('Restart', 'retry', 'restart', `Restart ${vm.name}?`),
              vm.state === 'running' &&
                action('Suspend', 'pause', 'suspend', `Suspend ${vm.name}, keeping its memory?`),
              vm.state === 'running' && action('Stop', 'stop', 'stop', `Stop ${vm.name}?`),
            ]
          : [],
        ['#/vms', 'VMs'],
      ),
      h(
        'div.stack',
        {},
        vm.state === 'error' && problemBox(jobs.find(({ problem }) => problem)?.problem),
        section(
          'Facts',
          '',
          facts([
            ['Cloud’s id', h('span.mono', {}, vm.vm_id ?? 'not given yet'), true],
            ['Our id', h('span.mono', {}, vm.id), true],
            ['Size', vm.instance_type],
            ['Zone', vm.availability_zone],
            ['Public address', vm.public_ip],
            ['Private address', vm.private_ip],
            ['Image', vm.image_id],
            ['Security groups', vm.security_groups.map((name) => name.split('/').at(-1)).join(', ')],
            ['Storage', vm.storage && `${vm.storage} GiB`],
            ['Architecture', vm.metadata.architecture],
            ['Firmware', vm.metadata.firmware],
            ['Created', moment(vm.created_at)],
            ['Tags', tags(vm.tags), true],
          ]),
        ),
        migrations.length > 0 && section('Migrations', '', migrationTable(migrations)),
        section(
          'Jobs',
          '',
          jobs.length > 0 ? jobTable(jobs) : empty('No jobs', 'Nothing has been done with this VM here.'),
        ),
      ),
    )
  },
  follow: ({ jobs }) => jobs.find(({ state }) => ['queued', 'running', 'undoing'].includes(state))?.id,
})

const tags = (all) => {
  const own = Object.entries(all).filter(([name]) => !name.startsWith('novacron-'))
  return own.length > 0 ? own.map(([name, value]) => h('span.tag', {}, `${name}: ${value}`)) : null
}

import { h, icon } from './dom.js'
import { shortId, words } from './format.js'
import { pill, progress, table, when } from './parts.js'

/** From where to where. */
export const route = (migration) =>
  h('span.route', {}, migration.source_provider_id, icon('arrow'), migration.destination_provider_id)

/** Migrations as a table, for here, for the overview and for the page of a VM. */
export const migrationTable = (migrations) =>
  table(
    ['VM', 'Route', 'State', 'Progress', 'Started'],
    migrations.map((migration) => ({
      href: `#/migrations/${migration.id}`,
      cells: [
        [
          h('b', {}, h('a', { href: `#/migrations/${migration.id}` }, migration.vm_name ?? migration.vm_id)),
          migration.vm_name && h('span.sub.mono', {}, shortId(migration.vm_id)),
        ],
        [route(migration), h('span.sub', {}, migration.destination_region ?? '')],
        [
          pill(migration.status),
          migration.error_message &&
            h('span.sub.clamp', { title: migration.error_message }, migration.error_message),
        ],
        progress(
          migration.progress / 100,
          migration.status,
          migration.current_step && words(migration.current_step),
          migration.estimated_completion,
        ),
        when(migration.start_time),
      ],
    })),
  )

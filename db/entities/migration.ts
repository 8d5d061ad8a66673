import { defineEntity, p } from '@mikro-orm/core'

/** A move of one VM between two providers. Its steps and its progress are those of its job. */
export const MigrationSchema = defineEntity({
  name: 'Migration',
  tableName: 'migrations',
  indexes: [{ properties: ['tenantId', 'startedAt', 'id'], name: 'migrations_listing' }],
  properties: {
    id: p.string().length(255).primary(),
    tenantId: p.text(),
    /** As named in the request: our id or the source cloud's. */
    vmId: p.string().length(255),
    sourceProvider: p.string().length(255),
    destinationProvider: p.string().length(255),
    destinationRegion: p.string().length(100).nullable(),
    /** `pending | in_progress | completed | failed | cancelled | rolled_back` */
    status: p.string().length(50),
    progress: p.integer().default(0),
    jobId: p.text(),
    request: p.json<Record<string, unknown>>(),
    destinationVmId: p.string().length(255).nullable(),
    metrics: p.json<Record<string, unknown>>(),
    startedAt: p.datetime(3).defaultRaw('now()'),
    completedAt: p.datetime(3).nullable(),
    errorMessage: p.text().nullable(),
  },
})

export class Migration extends MigrationSchema.class {}
MigrationSchema.setClass(Migration)

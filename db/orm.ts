import { MikroORM } from '@mikro-orm/postgresql'
import { Migrator } from '@mikro-orm/migrations'
import { UnderscoreNamingStrategy } from '@mikro-orm/core'
import { entities } from '#db/entities/index.ts'
import { migrations } from '#db/migrations/index.ts'

/**
 * Opens the object mapper on a database. It connects lazily; `orm.close()` ends its connections.
 * Fork an entity manager per request or step: `orm.em.fork()`.
 */
export const openOrm = (url: string, poolSize = 5): Promise<MikroORM> =>
  MikroORM.init({
    clientUrl: url,
    entities,
    extensions: [Migrator],
    namingStrategy: UnderscoreNamingStrategy,
    forceUtcTimezone: true,
    pool: { min: 0, max: poolSize },
    migrations: { migrationsList: migrations, tableName: 'schema_migrations', snapshot: false, silent: true },
    schemaGenerator: { ignoreSchema: ['bullmq'], skipTables: ['schema_migrations'] },
  })

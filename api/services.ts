import type { MikroORM } from '@mikro-orm/postgresql'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Config } from '#shared/config.ts'
import type { Queues } from '#shared/jobs/queues.ts'
import type { Wake } from '#shared/jobs/wake.ts'
import type { Keyring } from '#shared/secrets/keyring.ts'
import type { KeySource } from '#api/auth/keys.ts'
import type { TokenVerifier } from '#api/auth/tokens.ts'
import type { RateLimit } from '#api/http/rate-limit.ts'
import type { ProviderDirectory } from '#api/provider-directory.ts'
import type { JobWatch } from '#api/job-watch.ts'

/** What the process gives the API. */
export interface ApiDeps {
  config: Config
  pool: Pool
  orm: MikroORM
  wake: Wake
  queues: Queues
  keyring: Keyring
  tokenKeys: KeySource
  log: Logger
  /** Aborts when the process is about to stop: streams end, waiting answers are given. */
  closing: AbortSignal
}

/** What routes work with. */
export interface Services extends ApiDeps {
  verifyToken: TokenVerifier
  providers: ProviderDirectory
  watch: JobWatch
  rateLimit: RateLimit
}

import { stepsOf } from '#shared/jobs/chain.ts'
import type { MigrationInput, MigrationVars } from '#workers/migration/types.ts'

/** Builds a step of a migration, typed by its input and variables. */
export const step = stepsOf<MigrationInput, MigrationVars>()

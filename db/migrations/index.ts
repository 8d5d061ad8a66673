import { Initial } from '#db/migrations/001-initial.ts'
import { Operations } from '#db/migrations/003-operations.ts'
import { Resources } from '#db/migrations/002-resources.ts'

/** In the order in which they are run; a name, once released, never changes. */
export const migrations = [
  { name: '001-initial', class: Initial },
  { name: '002-resources', class: Resources },
  { name: '003-operations', class: Operations },
]

import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * What a process of the tests inherits and nothing else: no setting of whoever runs them gets in. Compiled code is kept, as `npm` scripts keep it:
 * a process that loads a cloud's SDK starts in a third of the time.
 */
export const childEnv = (settings: Record<string, string> = {}): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(tmpdir(), 'novacron-compile-cache'),
  ...settings,
})

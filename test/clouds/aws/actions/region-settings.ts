import type { Scene } from '#test/clouds/aws/action.ts'

/** What an account sets for a region as a whole. */
export interface RegionSettings {
  ebsEncryptionByDefault: boolean
  snapshotBlock: 'unblocked' | 'block-new-sharing' | 'block-all-sharing'
  serialConsole: boolean
}

/** Those of a region, to read and to change. */
export function settingsOf({ world, region }: Scene): RegionSettings {
  const { settings } = world.services
  const known = settings.get(region.name)
  if (known) return known
  const fresh: RegionSettings = {
    ebsEncryptionByDefault: false,
    snapshotBlock: 'unblocked',
    serialConsole: false,
  }
  settings.set(region.name, fresh)
  return fresh
}

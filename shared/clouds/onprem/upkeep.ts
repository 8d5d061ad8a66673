import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { pruneUsage } from '#shared/clouds/onprem/billing/usage.ts'
import { clearMoved } from '#shared/clouds/onprem/hosts/hand-over.ts'
import { applyLifecycle } from '#shared/clouds/onprem/objects/lifecycle.ts'

export { sampleHosts } from '#shared/clouds/onprem/metrics/metrics.ts'

/**
 * What the site's own clouds would do by themselves: objects and versions that their bucket's rules let go are deleted, what a bill needs no
 * more, and what a VM that moved has left behind. For a tick every hour or so; safe to run at several places at once.
 */
export async function tidyUp(site: Site, nowMs: number = Date.now()): Promise<{ objectsDeleted: number }> {
  const objectsDeleted = await applyLifecycle(site, nowMs)
  for (const host of site.hosts) await pruneUsage(host, nowMs)
  await clearMoved(site)
  return { objectsDeleted }
}

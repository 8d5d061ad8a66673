import type { IdentityFacet } from '#shared/clouds/port.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'

/** Hosts have no accounts: what can be told is whether each of them can be reached and has a hypervisor. */
export function createIdentity(site: Site): IdentityFacet {
  return {
    async validate() {
      await Promise.all(site.hosts.map(({ facts }) => facts()))
      return { accountId: site.settings.providerId }
    },
    async regions() {
      const asked = await Promise.allSettled(site.hosts.map(({ facts }) => facts()))
      for (const answer of asked)
        if (answer.status === 'rejected' && asked.every(({ status }) => status === 'rejected'))
          throw answer.reason
      const names = [...new Set(site.hosts.map(({ region }) => region))]
      return names.map((id) => ({ id, name: id, zones: site.inRegion(id).map(({ name }) => name) }))
    },
  }
}

import type { CloudRef } from '#shared/clouds/port.ts'

const group = '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/myresourcegroup/providers'

/** Ids as the adapter gives them: Azure spells the group in more than one way. */
export const computeAt = (path: string): string => `${group}/Microsoft.Compute/${path}`
export const networkAt = (path: string): string => `${group}/Microsoft.Network/${path}`

export const at = (id: string): CloudRef => ({ region: 'westus', id })

import { listHosts } from '#api/routes/hosts/list.ts'
import { relocateVm } from '#api/routes/hosts/relocate.ts'
import { hostServiceEndpoints } from '#api/routes/hosts/service.ts'

/** Hosts of on-premise providers. */
export const hostEndpoints = [listHosts, ...hostServiceEndpoints, relocateVm]

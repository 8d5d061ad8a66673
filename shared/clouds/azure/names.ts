import { createHash } from 'node:crypto'
import { CloudError } from '#shared/clouds/errors.ts'

/** What an Azure Resource Manager id says. */
export interface ArmId {
  subscription: string
  group: string
  /** e.g. `Microsoft.Compute/virtualMachines` */
  type: string
  name: string
}

/**
 * Azure has no client tokens: a PUT on a name that exists is an update of the same thing. So the names of everything that is
 * created are derived from the intent's token, and from nothing else that a second call might word differently.
 */
export const nameFor = (token: string): string =>
  `nc-${/^[\dA-Za-z-]{1,48}$/.test(token) ? token.toLowerCase() : createHash('sha256').update(token).digest('hex').slice(0, 40)}`

export const nicNameOf = (vmName: string): string => `${vmName}-nic`
export const osDiskNameOf = (vmName: string): string => `${vmName}-os`

/** A Linux host name: letters, digits and hyphens, at most 63 characters, not only digits. */
export function hostNameOf(name: string): string {
  const legal = name
    .toLowerCase()
    .replaceAll(/[^\da-z]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63)
    .replace(/-+$/, '')
  return /[a-z]/.test(legal) ? legal : `vm-${legal}`.replace(/-+$/, '').slice(0, 63)
}

export const armId = ({ subscription, group, type, name }: ArmId): string =>
  `/subscriptions/${subscription}/resourceGroups/${group}/providers/${type}/${name}`

/**
 * Reads a resource id; `name` or `group/name` of a thing of `type` will do as well.
 * @throws CloudError `invalid_request` for anything else.
 */
export function parseArmId(id: string, fallback: ArmId): ArmId {
  const parts = id.split('/')
  if (id.startsWith('/') && parts.length === 9 && parts[1] === 'subscriptions' && parts[5] === 'providers') {
    const found = {
      subscription: parts[2] ?? '',
      group: parts[4] ?? '',
      type: `${parts[6]}/${parts[7]}`,
      name: parts[8] ?? '',
    }
    if (found.type.toLowerCase() === fallback.type.toLowerCase() && found.name !== '') return found
  } else if (!id.startsWith('/') && /^[\w.()-]+(\/[\w.()-]+)?$/.test(id)) {
    const [name, group] = id.split('/').toReversed()
    return { ...fallback, group: group ?? fallback.group, name: name ?? '' }
  }
  throw new CloudError(`"${id}" is not the id of an Azure resource of type ${fallback.type}.`, {
    cloud: 'azure',
    operation: 'parse id',
    code: 'invalid_request',
    remedy: `Use ${armId({ ...fallback, name: '…' })}, or the bare name.`,
    details: { field: 'id' },
  })
}

/** Azure spells group names in ids now one way, now in capitals; ids compare equal only after this. */
export function canonicalId(id: string): string {
  const parts = id.split('/')
  return parts
    .map((part, index) => (index === 4 ? part.toLowerCase() : index === 3 ? 'resourceGroups' : part))
    .join('/')
}

import type { Clock } from '#test/clouds/core/clock.ts'
import type { DiskStore } from '#test/clouds/core/disks.ts'
import type { Faults } from '#test/clouds/core/faults.ts'
import type { Machines } from '#test/clouds/core/machines.ts'
import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import type { Estate } from '#test/clouds/azure/estate.ts'
import type { ImageWorld } from '#test/clouds/azure/images/world.ts'
import type { Settings } from '#test/clouds/azure/observation/settings.ts'
import type { Operations, Outlook } from '#test/clouds/azure/operations.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import type { Signatures } from '#test/clouds/azure/sas.ts'
import type { StorageWorld } from '#test/clouds/azure/storage/world.ts'
import skus from '#test/clouds/azure/skus.json' with { type: 'json' }

/** How long things take, in milliseconds. */
export interface Delays {
  vmCreate: number
  vmStart: number
  vmStop: number
  vmDelete: number
  snapshot: number
  disk: number
  network: number
  access: number
}

/** What the handlers of the loopback Azure work on. */
export interface Context {
  subscription: string
  url: () => string
  clock: Clock
  estate: Estate
  /** Storage accounts by name. */
  accounts: StorageWorld
  /** Compute Galleries by id in lower case. */
  galleries: ImageWorld
  settings: Settings
  store: DiskStore
  machines: Machines
  operations: Operations
  signatures: Signatures
  faults: Faults
  delays: Delays
  pageSize: number
  /** vCPUs that may be in use per region. */
  coreQuota: number
  imagePath: string | undefined
  /** Lets work go on behind the reply; `close` waits for it. */
  later(work: Promise<unknown>): void
}

/** A recognised request to Azure Resource Manager. */
export interface ArmRequest {
  /** Named parts of the path, e.g. `group`, `name`. */
  path: Record<string, string>
  query: URLSearchParams
  apiVersion: string
  headers: PlainRequest['headers']
  /** Parsed; undefined without a body. */
  body: unknown
}

export type ArmHandler = (context: Context, request: ArmRequest) => PlainReply | Promise<PlainReply>

export interface Sku {
  name: string
  family: string
  vcpus: number
  memoryGb: number
  architecture: string
  gpus: number
  generations: string
}

export const sizes: readonly Sku[] = skus
export const sizeNamed = (name: string): Sku | undefined =>
  sizes.find((size) => size.name.toLowerCase() === name.toLowerCase())

/** Sizes of the general and the memory series from the fifth generation on keep their memory while they are stopped, up to 64 GiB of it. */
export const hibernates = (name: string): boolean =>
  /^Standard_[DE]\d+[a-z]*_v[5-9]$/.test(name) && (sizeNamed(name)?.memoryGb ?? 0) <= 64

export const mostDataDisks = (vcpus: number): number => Math.min(64, vcpus * 2)

/** What users of the subscription made beside NovaCron, in the group `shared`. */
export const userMade = (subscription: string, type: string, name: string): string =>
  `/subscriptions/${subscription}/resourceGroups/shared/providers/${type}/${name}`

export const encryptionSetType = 'Microsoft.Compute/diskEncryptionSets'
export const placementType = 'Microsoft.Compute/proximityPlacementGroups'

/** Refuses a reference to something that is not there. There is one disk encryption set, `keys`, and one placement group, `near`. */
export function checkReference({ subscription }: Context, id: string | undefined): void {
  const known = [
    userMade(subscription, encryptionSetType, 'keys'),
    userMade(subscription, placementType, 'near'),
  ]
  if (id === undefined || known.some((each) => each.toLowerCase() === id.toLowerCase())) return
  throw new Refusal(404, 'NotFound', `The entity was not found in this Azure location: ${id}.`)
}

export const regions = [
  { name: 'eastus', displayName: 'East US', zones: ['1', '2', '3'] },
  { name: 'westus2', displayName: 'West US 2', zones: ['1', '2', '3'] },
  { name: 'westeurope', displayName: 'West Europe', zones: ['1', '2', '3'] },
]

/** The region of a PUT body, in Azure's spelling. */
export function locationOf(body: unknown): string {
  const { location } = body as { location?: string }
  if (!location)
    throw new Refusal(400, 'LocationRequired', 'The location property is required for this definition.')
  const normal = location.toLowerCase().replaceAll(' ', '')
  if (regions.some(({ name }) => name === normal)) return normal
  throw new Refusal(
    400,
    'LocationNotAvailableForResourceType',
    `The provided location '${location}' is not available for this resource type.`,
  )
}

/** Refuses a name in a group that does not exist. */
export function groupOf({ estate }: Context, request: ArmRequest): string {
  const group = estate.groups.get((request.path['group'] ?? '').toLowerCase())
  if (group) return group.name
  throw new Refusal(
    404,
    'ResourceGroupNotFound',
    `Resource group '${request.path['group']}' could not be found.`,
  )
}

export function idOf(context: Context, request: ArmRequest, type: string): string {
  return `/subscriptions/${context.subscription}/resourceGroups/${groupOf(context, request)}/providers/${type}/${request.path['name']}`
}

export const notFound = (request: ArmRequest, type: string): Refusal =>
  new Refusal(
    404,
    'ResourceNotFound',
    `The Resource '${type}/${request.path['name']}' under resource group '${request.path['group']}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  )

/** A change of something that cannot be changed. */
export const fixed = (property: string): Refusal =>
  new Refusal(409, 'PropertyChangeNotAllowed', `Changing property '${property}' is not allowed.`, property)

/** The reply to a call whose effect takes its time. */
export function accepted(
  context: Context,
  request: ArmRequest,
  {
    provider,
    region,
    status,
    body,
    ...outlook
  }: Outlook & { provider: string; region: string; status: number; body?: unknown },
): PlainReply {
  const { location, ...headers } = context.operations.begin(provider, region, request.apiVersion, outlook)
  // What is made or changed is its own result; only an operation without a body points to one.
  return json(status, body, body === undefined && location !== undefined ? { ...headers, location } : headers)
}

/** One page of a list, with an absolute link to the next. An item may be a function that describes it, called only for its page. */
export function page(context: Context, request: ArmRequest, path: string, items: unknown[]): PlainReply {
  const token = request.query.get('$skiptoken')
  const start = token === null ? 0 : Number(Buffer.from(token, 'base64url').toString().replace(/^at:/, ''))
  if (!Number.isInteger(start) || start < 0) {
    throw new Refusal(400, 'InvalidSkipToken', `The provided skip token '${token}' is invalid.`)
  }
  const end = start + context.pageSize
  const value = items
    .slice(start, end)
    .map((item) => (typeof item === 'function' ? (item as () => unknown)() : item))
  if (end >= items.length) return json(200, { value })
  const next = new URL(path, context.url())
  for (const [name, text] of request.query) next.searchParams.set(name, text)
  next.searchParams.set('$skiptoken', Buffer.from(`at:${end}`).toString('base64url'))
  return json(200, { value, nextLink: next.href })
}

/** The list of a type, of one group where the path names one. */
export function listOf(
  context: Context,
  request: ArmRequest,
  type: string,
  items: (group?: string) => unknown[],
): PlainReply {
  const group = request.path['group'] === undefined ? undefined : groupOf(context, request)
  const scope = group === undefined ? '' : `/resourceGroups/${group}`
  return page(
    context,
    request,
    `/subscriptions/${context.subscription}${scope}/providers/${type}`,
    items(group),
  )
}

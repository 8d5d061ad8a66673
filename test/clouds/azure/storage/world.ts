import { randomUUID } from 'node:crypto'
import type { Life } from '#test/clouds/core/clock.ts'
import type { Context } from '#test/clouds/azure/context.ts'
import type { Phase, Tags } from '#test/clouds/azure/estate.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'

/** A storage account with all that is in it. */
export interface Account {
  id: string
  name: string
  group: string
  location: string
  tags: Tags
  createdAt: Date
  life: Life<Phase>
  sku: string
  kind: string
  identity?: unknown
  /** The part of the PUT body's properties that is answered as it was given. */
  given: Record<string, unknown>
  versioning: boolean
  /** Of its management policy, as given. */
  rules?: unknown[]
  containers: Map<string, Container>
}

export interface Container {
  name: string
  publicAccess: string
  etag: string
  modifiedAt: Date
  blobs: Map<string, StoredBlob>
  /** What was replaced or deleted while versioning was on. */
  versions: StoredBlob[]
  /** Blocks staged and not committed: the store's ids by blob and block. */
  staged: Map<string, Map<string, string>>
}

export interface StoredBlob {
  key: string
  type: 'BlockBlob' | 'PageBlob'
  /** In the disk store. */
  storeId: string
  sizeBytes: number
  etag: string
  modifiedAt: Date
  createdAt: Date
  contentType: string
  metadata: Record<string, string>
  versionId: string
  /** The committed blocks of a block blob, which a later list may name again. */
  blocks?: { id: string; offset: number; length: number }[]
  /** Of one that was made as a server-side copy. */
  copy?: { id: string; source: string; startedMs: number; copied: () => boolean; failure?: string }
}

/** By the account's name, which is the only one of its kind in the world. */
export type StorageWorld = Map<string, Account>

/** The account of a request, in the group that its path names. */
export function findAccount(
  { accounts }: Context,
  { path }: { path: Record<string, string> },
): Account | undefined {
  const found = accounts.get((path['account'] ?? '').toLowerCase())
  const alive = found?.life.state()
  if (!found || alive === 'gone' || found.group.toLowerCase() !== path['group']?.toLowerCase())
    return undefined
  return found
}

export function accountOf(context: Context, request: { path: Record<string, string> }): Account {
  const account = findAccount(context, request)
  if (account) return account
  throw new Refusal(
    404,
    'ResourceNotFound',
    `The Resource 'Microsoft.Storage/storageAccounts/${request.path['account']}' under resource group '${request.path['group']}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  )
}

export const newEtag = (): string => `"0x8D${randomUUID().replaceAll('-', '').slice(0, 13).toUpperCase()}"`

/** Puts a blob in the place of the one that was there, which stays as a version where versioning is on. */
export async function enter(
  { store }: Context,
  account: Account,
  container: Container,
  blob: StoredBlob,
): Promise<void> {
  const earlier = container.blobs.get(blob.key)
  container.blobs.set(blob.key, blob)
  if (earlier && account.versioning && earlier.type === 'BlockBlob') container.versions.push(earlier)
  else if (earlier) await store.remove(earlier.storeId)
}

/** Lets go of all bytes of a container. */
export async function empty({ store }: Context, container: Container): Promise<void> {
  const staged = [...container.staged.values()].flatMap((blocks) => [...blocks.values()])
  const kept = [...container.blobs.values(), ...container.versions].map(({ storeId }) => storeId)
  await Promise.all([...staged, ...kept].map((id) => store.remove(id)))
}

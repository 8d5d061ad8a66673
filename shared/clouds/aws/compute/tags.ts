import type { CloudRef, TagChange } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { fromTags } from '#shared/clouds/aws/mapping.ts'

/** Adds, overwrites and removes tags of an instance; those by which NovaCron finds what it made are left alone. */
export async function setTags(
  aws: AwsClients,
  { region, id }: CloudRef,
  { set, remove }: TagChange,
): Promise<void> {
  const Tags = fromTags(set).filter(({ Key }) => !isOwnerTag(Key))
  const removed = remove.filter((key) => !isOwnerTag(key) && !Object.hasOwn(set, key))
  if (Tags.length > 0) {
    await aws.ec2(region, 'CreateTags', (ec2, http) => ec2.createTags({ Resources: [id], Tags }, http))
  }
  // DeleteTags without keys would take every tag.
  if (removed.length === 0) return
  await aws.ec2(region, 'DeleteTags', (ec2, http) =>
    ec2.deleteTags({ Resources: [id], Tags: removed.map((Key) => ({ Key })) }, http),
  )
}

const isOwnerTag = (key: string): boolean => key.startsWith('novacron-')

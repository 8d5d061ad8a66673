import { flag, request, type Node, type Shape } from '#test/clouds/aws/shapes.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import type { Region, Tagged, World } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

export type Reply = { readonly [element: string]: Xml }

export interface Scene {
  world: World
  region: Region
}

/** One action of the EC2 API. */
export interface Action {
  mutating: boolean
  run(parameters: Record<string, Node>, scene: Scene): Promise<Reply>
}

type Fields = Parameters<typeof request>[0]
type Input<F extends Fields> = { [K in keyof F]: ReturnType<F[K]> }

export const reading = <F extends Fields>(
  fields: F,
  run: (input: Input<F>, scene: Scene) => Reply | Promise<Reply>,
) => define(false, fields, run)

export const changing = <F extends Fields>(
  fields: F,
  run: (input: Input<F>, scene: Scene) => Reply | Promise<Reply>,
) => define(true, fields, run)

export type { Shape }

/** The answer of actions that have nothing to tell. */
export const done: Reply = { return: true }

export const tagsOf = (tags: ReadonlyMap<string, string>): Xml =>
  tags.size === 0 ? undefined : [...tags].map(([key, value]) => ({ key, value }))

type TagSpecification =
  | { ResourceType: string; Tag: ({ Key: string; Value: string | undefined } | undefined)[] }
  | undefined

/** The tags that a creating call gives to what it makes of this type. */
export function tagsFor(
  type: string,
  specifications: readonly TagSpecification[],
  allowed: readonly string[] = [type],
): Map<string, string> {
  const tags = new Map<string, string>()
  for (const specification of specifications) {
    if (!specification) continue
    if (!allowed.includes(specification.ResourceType)) {
      throw invalidValue(
        `'${specification.ResourceType}' is not a valid taggable resource type for this operation`,
      )
    }
    if (specification.ResourceType === type) addTags(tags, specification.Tag)
  }
  return tags
}

export function addTags(
  tags: Map<string, string>,
  given: readonly ({ Key: string; Value: string | undefined } | undefined)[],
): void {
  const keys = given.map((tag) => tag?.Key)
  if (new Set(keys).size < keys.length) throw invalidValue('Duplicate tag key')
  for (const tag of given) {
    if (!tag) continue
    if (/^aws:/i.test(tag.Key))
      throw invalidValue('Tag keys starting with aws: are reserved for internal use')
    tags.set(tag.Key, tag.Value ?? '')
  }
  if (tags.size > 50)
    throw new Refusal('TagLimitExceeded', 'You have reached the maximum of 50 tags for a resource')
}

/** The ids asked for, each of which must be known; or everything that is. */
export function chosen<T extends Tagged>(
  region: Region,
  kept: Map<string, T>,
  ids: readonly string[],
  notFound: string,
): T[] {
  if (ids.length === 0) return [...kept.values()].filter(({ id }) => region.visible.has(id))
  const missing = ids.filter((id) => !kept.has(id) || !region.visible.has(id))
  if (missing.length === 0) return ids.flatMap((id) => kept.get(id) ?? [])
  throw new Refusal(
    notFound,
    missing.length === 1
      ? `The ID '${missing[0]}' does not exist`
      : `The IDs '${missing.join(', ')}' do not exist`,
  )
}

function define<F extends Fields>(
  mutating: boolean,
  fields: F,
  run: (input: Input<F>, scene: Scene) => Reply | Promise<Reply>,
): Action {
  const read = request({ ...fields, DryRun: flag })
  return {
    mutating,
    async run(parameters, scene) {
      const input = read(parameters, '')
      if (input['DryRun'] === true) {
        throw new Refusal('DryRunOperation', 'Request would have succeeded, but DryRun flag is set')
      }
      return run(input, scene)
    },
  }
}

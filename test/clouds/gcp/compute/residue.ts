import type { LoopbackCloud } from '#test/clouds/core/types.ts'
import { tagsOf } from '#test/clouds/gcp/compute/tags.ts'
import type { Thing } from '#test/clouds/gcp/compute/world.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** Everything of the project's Compute Engine that NovaCron or a user made. The default network and its rules are the project's own. */
export const residueOfCompute = ({ compute, project }: World): ReturnType<LoopbackCloud['residue']> =>
  [...compute.things.values()]
    .filter(
      ({ path, name }) => path.startsWith(`projects/${project}/`) && !/^default(-allow-\w+)?$/.test(name),
    )
    .filter(({ life }) => life.state() !== 'GONE')
    .map((thing) => ({
      kind: thing.collection,
      id: thing.path,
      state: thing.life.state(),
      tags: isPartOf(compute, thing) ? {} : tagsOf(thing),
    }))

/** Is it a rule of a security group whose first one is there, too? Then that one stands for the group. */
function isPartOf(compute: World['compute'], { collection, name, body }: Thing): boolean {
  const [group] = (body['targetTags'] ?? []) as string[]
  if (collection !== 'firewalls' || group === undefined || group === name) return false
  return [...compute.things.values()].some(
    (other) => other.collection === 'firewalls' && other.name === group && other.life.state() !== 'GONE',
  )
}

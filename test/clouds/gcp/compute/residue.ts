import type { LoopbackCloud } from '#test/clouds/core/types.ts'
import { tagsOf } from '#test/clouds/gcp/compute/tags.ts'
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
      tags: tagsOf(thing),
    }))

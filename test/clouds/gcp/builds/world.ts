import type { World } from '#test/clouds/gcp/world.ts'

export type BuildStatus = 'QUEUED' | 'WORKING' | 'SUCCESS' | 'FAILURE' | 'CANCELLED'

export interface LoopbackBuild {
  id: string
  status: BuildStatus
  detail: string | undefined
  steps: { name: string; args: string[]; env: string[] }[]
  tags: string[]
  timeout: string
  createdMs: number
  startedMs: number | undefined
  finishedMs: number | undefined
  /** Somebody asked for its end; the step that runs still ends. */
  cancelled?: boolean
}

/** Builds of one project, oldest first; kept apart from the world so that the world's type need not know them. */
const buildsOfWorlds = new WeakMap<World, Map<string, LoopbackBuild>>()

export function buildsOf(world: World): Map<string, LoopbackBuild> {
  const known = buildsOfWorlds.get(world) ?? new Map<string, LoopbackBuild>()
  buildsOfWorlds.set(world, known)
  return known
}

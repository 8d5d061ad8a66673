import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { LoopbackCloud } from '#test/clouds/core/types.ts'
import { runStep } from '#test/clouds/gcp/builds/tools.ts'
import { buildsOf, type LoopbackBuild } from '#test/clouds/gcp/builds/world.ts'
import { checkNames, cutPage } from '#test/clouds/gcp/rest.ts'
import { json, Refusal } from '#test/clouds/gcp/refusal.ts'
import type { Route } from '#test/clouds/gcp/route.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** Cloud Build, v1: https://cloud.google.com/build/docs/api/reference/rest/v1/projects.builds */
export const buildRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/projects/{project}/builds',
    operation: 'cloudbuild.projects.builds.create',
    mutating: true,
    form: 'rpc',
    answer({ world, path, query, ...ask }) {
      checkNames('query', query.keys(), ['parent'])
      checkProject(world, path['project'])
      const build = readBuild(world, ask.json())
      buildsOf(world).set(build.id, build)
      world.later(run(world, build))
      return json(200, {
        name: `operations/build/${world.project}/${Buffer.from(build.id).toString('base64')}`,
        metadata: {
          '@type': 'type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata',
          build: viewOf(world, build),
        },
      })
    },
  },
  {
    method: 'GET',
    path: '/v1/projects/{project}/builds/{id}',
    operation: 'cloudbuild.projects.builds.get',
    mutating: false,
    form: 'rpc',
    answer({ world, path, query }) {
      checkNames('query', query.keys(), [])
      checkProject(world, path['project'])
      const found = buildsOf(world).get(path['id'] ?? '')
      if (!found) throw new Refusal(404, 'NOT_FOUND', 'Requested entity was not found.')
      return json(200, viewOf(world, found))
    },
  },
  {
    method: 'POST',
    path: '/v1/projects/{project}/builds/{id}:cancel',
    operation: 'cloudbuild.projects.builds.cancel',
    mutating: true,
    form: 'rpc',
    answer({ world, path, query }) {
      checkNames('query', query.keys(), [])
      checkProject(world, path['project'])
      const found = buildsOf(world).get(path['id'] ?? '')
      if (!found) throw new Refusal(404, 'NOT_FOUND', 'Requested entity was not found.')
      if (found.status !== 'QUEUED' && found.status !== 'WORKING')
        throw new Refusal(400, 'FAILED_PRECONDITION', 'Cannot cancel a build that has ended.')
      found.cancelled = true
      return json(200, viewOf(world, found))
    },
  },
  {
    method: 'GET',
    path: '/v1/projects/{project}/builds',
    operation: 'cloudbuild.projects.builds.list',
    mutating: false,
    form: 'rpc',
    answer({ world, path, query }) {
      checkNames('query', query.keys(), ['filter', 'pageSize', 'pageToken'])
      checkProject(world, path['project'])
      const filter = query.get('filter') ?? ''
      const [, tag] = /^tags\s*=\s*"([^"]+)"$/.exec(filter) ?? []
      if (filter !== '' && tag === undefined)
        throw new Refusal(400, 'INVALID_ARGUMENT', `Invalid filter: ${filter}`)
      const all = [...buildsOf(world).values()]
        .filter(({ tags }) => tag === undefined || tags.includes(tag))
        .toReversed()
      const { items, nextPageToken } = cutPage(world, query, `builds ${filter}`, all, {
        usual: 100,
        most: 1000,
      })
      return json(200, {
        ...(items.length === 0 ? {} : { builds: items.map((build) => viewOf(world, build)) }),
        ...(nextPageToken === undefined ? {} : { nextPageToken }),
      })
    },
  },
]

/** Builds that go on. */
export const residueOfBuilds = (world: World): ReturnType<LoopbackCloud['residue']> =>
  [...buildsOf(world).values()]
    .filter(({ status }) => status === 'QUEUED' || status === 'WORKING')
    .map(({ id, status }) => ({ kind: 'build', id, state: status, tags: {} }))

function checkProject({ project }: World, given: string | undefined): void {
  if (given !== project)
    throw new Refusal(403, 'PERMISSION_DENIED', `Permission denied on resource project ${given}.`)
}

function readBuild(world: World, sent: unknown): LoopbackBuild {
  if (typeof sent !== 'object' || sent === null) throw invalid('build', 'an object')
  checkNames('build', Object.keys(sent), [
    'steps',
    'timeout',
    'tags',
    'options',
    'substitutions',
    'serviceAccount',
  ])
  const {
    steps,
    timeout = '600s',
    tags = [],
  } = sent as { steps?: unknown; timeout?: unknown; tags?: unknown }
  if (!Array.isArray(steps) || steps.length === 0) throw invalid('build.steps', 'at least one step')
  if (typeof timeout !== 'string' || !/^\d+s$/.test(timeout) || Number.parseInt(timeout, 10) > 86_400)
    throw invalid('build.timeout', 'a duration of at most 24 hours')
  if (!isTexts(tags) || tags.some((tag) => !/^[\w][\w.-]{0,127}$/.test(tag)))
    throw invalid('build.tags', 'tags')
  const id = randomUUID()
  return {
    id,
    status: 'QUEUED',
    detail: undefined,
    steps: steps.map((step: unknown) => substituted(readStep(step), world, id)),
    tags,
    timeout,
    createdMs: world.clock.now(),
    startedMs: undefined,
    finishedMs: undefined,
  }
}

function readStep(sent: unknown): LoopbackBuild['steps'][number] {
  if (typeof sent !== 'object' || sent === null) throw invalid('build.steps', 'objects')
  checkNames('build.steps', Object.keys(sent), ['name', 'args', 'env', 'id', 'entrypoint', 'timeout'])
  const { name, args = [], env = [] } = sent as { name?: unknown; args?: unknown; env?: unknown }
  if (typeof name !== 'string' || name === '') throw invalid('build.steps.name', 'a container image')
  if (!isTexts(args) || !isTexts(env)) throw invalid('build.steps.args', 'strings')
  return { name, args, env }
}

/** `$$` is a dollar sign, `$NAME` one of the service's own values: https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values */
function substituted(
  { name, args, env }: LoopbackBuild['steps'][number],
  { project, projectNumber }: World,
  id: string,
): LoopbackBuild['steps'][number] {
  const values: Record<string, string> = {
    BUILD_ID: id,
    PROJECT_ID: project,
    PROJECT_NUMBER: projectNumber,
    LOCATION: 'global',
  }
  const fill = (text: string) =>
    text.replaceAll(/\$(?:\$|\{?([A-Z_][A-Z0-9_]*)\}?)/gi, (whole, key?: string) => {
      if (whole === '$$') return '$'
      const value = values[key ?? '']
      if (value !== undefined) return value
      throw new Refusal(
        400,
        'INVALID_ARGUMENT',
        `invalid value for 'build.substitutions': key in the template "${key}" is not a valid built-in substitution`,
      )
    })
  return { name: fill(name), args: args.map(fill), env: env.map(fill) }
}

/** Waits in the queue, works, and ends well or with what its step said. */
async function run(world: World, build: LoopbackBuild): Promise<void> {
  await delay(world.delays.build)
  Object.assign(build, { status: 'WORKING', startedMs: world.clock.now() })
  await delay(world.delays.build)
  try {
    for (const step of build.steps) if (!build.cancelled) await runStep(world, step)
    build.status = build.cancelled ? 'CANCELLED' : 'SUCCESS'
  } catch (error) {
    build.status = 'FAILURE'
    build.detail = `Build step failure: build step 0 "${build.steps[0]?.name}" failed: ${error instanceof Error ? error.message : String(error)}`
  }
  build.finishedMs = world.clock.now()
}

const viewOf = (world: World, build: LoopbackBuild) => ({
  id: build.id,
  projectId: world.project,
  name: `projects/${world.projectNumber}/locations/global/builds/${build.id}`,
  status: build.status,
  ...(build.detail === undefined
    ? {}
    : { statusDetail: build.detail, failureInfo: { type: 'USER_BUILD_STEP', detail: build.detail } }),
  steps: build.steps,
  tags: build.tags,
  timeout: build.timeout,
  createTime: new Date(build.createdMs).toISOString(),
  ...(build.startedMs === undefined ? {} : { startTime: new Date(build.startedMs).toISOString() }),
  ...(build.finishedMs === undefined ? {} : { finishTime: new Date(build.finishedMs).toISOString() }),
  logUrl: `https://console.cloud.google.com/cloud-build/builds/${build.id}?project=${world.projectNumber}`,
})

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

const invalid = (field: string, wanted: string): Refusal =>
  new Refusal(400, 'INVALID_ARGUMENT', `Invalid value at '${field}': expected ${wanted}.`)

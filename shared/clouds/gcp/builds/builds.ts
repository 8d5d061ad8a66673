import { createHash } from 'node:crypto'
import { CloudError } from '#shared/clouds/errors.ts'
import { orMissing, type GcpClient } from '#shared/clouds/gcp/client.ts'
import type { CreationState } from '#shared/clouds/port.ts'
import { pause } from '#shared/clouds/scope.ts'

/** One step of a build: a container with its arguments. */
export interface BuildStep {
  name: string
  args: string[]
  env?: string[]
}

/** A build to start. `step` does the work; `after` are those that follow it in the same build. */
export interface NewBuild {
  token: string
  step: BuildStep
  after?: BuildStep[]
  tags?: string[]
  /** Tags of whoever wants it; a build that goes on when nobody waits for it any more is found by them. */
  owner: Readonly<Record<string, string>>
}

export interface Build {
  id: string
  state: CreationState
  /** What it is doing, or why it failed, in the vendor's words. */
  message: string
  progressPercent?: number
  createdAt: Date
  tags: string[]
  /** The arguments of its one step, by the names of the flags. */
  flags: ReadonlyMap<string, string>
}

/**
 * Starts a build of one step in Cloud Build, which has no idempotency token of its own: a tag made of ours finds the build again. So the same
 * token gives the same build, also when it failed.
 */
export async function startBuild(
  gcp: GcpClient,
  { token, step, after = [], tags = [], owner }: NewBuild,
): Promise<Build> {
  const tag = tokenTag(token)
  for await (const build of listBuilds(gcp, tag)) return build
  const operation = (await gcp.rest('cloudbuild.projects.builds.create', {
    method: 'POST',
    service: 'cloudbuild',
    path: `/v1/projects/${gcp.project}/builds`,
    body: {
      steps: [{ ...literal(step), env: ['BUILD_ID=$BUILD_ID', ...(step.env ?? [])] }, ...after.map(literal)],
      timeout: `${buildTimeoutS}s`,
      tags: [tag, ...ownerTags(owner), ...tags],
    },
  })) as { metadata?: { build?: BuildReply } }
  return buildOf(operation.metadata?.build ?? {})
}

/** Cloud Build puts its own values in the place of `$NAME`; a tag or a path with a dollar sign means itself. */
const literal = (step: BuildStep): BuildStep => ({
  ...step,
  args: step.args.map((arg) => arg.replaceAll('$', '$$$$')),
})

/** Where a build is, or undefined if there is none of that id. */
export async function getBuild(gcp: GcpClient, id: string): Promise<Build | undefined> {
  const path = `/v1/projects/${gcp.project}/builds/${encodeURIComponent(id)}`
  const reply = await orMissing(
    gcp.rest('cloudbuild.projects.builds.get', { method: 'GET', service: 'cloudbuild', path }),
  )
  return reply === undefined ? undefined : buildOf(reply as BuildReply)
}

/** Asks for the end of a build; one that has ended is fine. The step that runs may still have its effect: `getBuild` tells when it is over. */
export async function cancelBuild(gcp: GcpClient, id: string): Promise<void> {
  const path = `/v1/projects/${gcp.project}/builds/${encodeURIComponent(id)}:cancel`
  try {
    await gcp.rest('cloudbuild.projects.builds.cancel', {
      method: 'POST',
      service: 'cloudbuild',
      path,
      body: {},
    })
  } catch (error) {
    if ((await getBuild(gcp, id))?.state === 'pending') throw error
  }
}

/** Builds of an owner with all of these tags. Where Cloud Build may not be used, there are none. */
export async function* ownedBuilds(
  gcp: GcpClient,
  owner: Readonly<Record<string, string>>,
): AsyncGenerator<Build> {
  const wanted = ownerTags(owner)
  // The job's, of which there are the fewest.
  const first = wanted.find((tag) => tag.startsWith('novacron-job')) ?? wanted[0]
  if (first === undefined) return
  try {
    for await (const build of listBuilds(gcp, first))
      if (wanted.every((tag) => build.tags.includes(tag))) yield build
  } catch (error) {
    if (!(error instanceof CloudError && error.code === 'forbidden')) throw error
  }
}

/** Waits for the end of a build; undefined if there is none any more. Asks the less often the longer it takes: its end is seen late by an eighth at most. */
export async function untilOver(gcp: GcpClient, started: Build | undefined): Promise<Build | undefined> {
  const { poll_ms: pollMs } = gcp.settings.options
  const sinceMs = performance.now()
  let build = started
  while (build?.state === 'pending') {
    const lateMs = (performance.now() - sinceMs) / 8
    await pause(Math.min(Math.max(pollMs, lateMs), 10 * pollMs))
    build = await getBuild(gcp, build.id)
  }
  return build
}

/** Builds that carry a tag, newest first, paged to the end. */
export async function* listBuilds(gcp: GcpClient, tag: string): AsyncGenerator<Build> {
  for (let pageToken: string | undefined; ;) {
    const page = (await gcp.rest('cloudbuild.projects.builds.list', {
      method: 'GET',
      service: 'cloudbuild',
      path: `/v1/projects/${gcp.project}/builds`,
      query: { filter: `tags="${tag}"`, pageSize: 100, pageToken },
    })) as { builds?: BuildReply[]; nextPageToken?: string }
    for (const build of page.builds ?? []) yield buildOf(build)
    pageToken = page.nextPageToken
    if (!pageToken) return
  }
}

/** The tools in it give up ten minutes earlier, so that they clean up after themselves. */
const buildTimeoutS = 6 * 3600
export const toolTimeoutS = buildTimeoutS - 600

/** Cloud Build knows words as tags, and no values: a word for each pair. */
const ownerTags = (owner: Readonly<Record<string, string>>): string[] =>
  Object.entries(owner).flatMap(([key, value]) => {
    if (!key.startsWith('novacron-')) return []
    const word = `${key}.${value}`
    const digest = createHash('sha256').update(value).digest('hex').slice(0, 40)
    return [/^[\w.-]{1,128}$/.test(word) ? word : `${key}.x-${digest}`]
  })

const tokenTag = (token: string): string => `novacron-${token}`

/** https://cloud.google.com/build/docs/api/reference/rest/v1/projects.builds */
interface BuildReply {
  id?: string
  status?: string
  statusDetail?: string
  failureInfo?: { detail?: string }
  createTime?: string
  tags?: string[]
  steps?: { args?: string[]; status?: string }[]
}

function buildOf({
  id = '',
  status = 'STATUS_UNKNOWN',
  statusDetail,
  failureInfo,
  createTime,
  tags = [],
  steps = [],
}: BuildReply): Build {
  const state = status === 'SUCCESS' ? 'ready' : underWay.has(status) ? 'pending' : 'failed'
  const detail = failureInfo?.detail ?? statusDetail
  return {
    id,
    state,
    message: detail ? `${status}: ${detail}` : status,
    ...(state === 'ready' ? { progressPercent: 100 } : {}),
    createdAt: new Date(createTime ?? 0),
    tags,
    flags: new Map(steps.flatMap(({ args = [] }) => args.map(readFlag))),
  }
}

const underWay = new Set(['STATUS_UNKNOWN', 'PENDING', 'QUEUED', 'WORKING'])

const readFlag = (arg: string): [string, string] => {
  const [, name = arg, value = ''] = /^--?([^=]+)=?(.*)$/s.exec(arg) ?? []
  return [name, value]
}

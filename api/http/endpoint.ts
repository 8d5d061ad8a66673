import { z, type OpenAPIHono, type RouteConfig } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { newId } from '#shared/ids.ts'
import { assertPermitted, authenticate } from '#api/auth/authenticate.ts'
import type { Permission } from '#api/auth/permissions.ts'
import type { Principal } from '#api/auth/tokens.ts'
import { readJson } from '#api/http/body.ts'
import { ApiError, asApiError, invalid, notFound, problemResponse } from '#api/http/problem.ts'
import { problems, type ProblemCode } from '#api/http/problems.ts'
import { problemSchema } from '#api/http/schemas.ts'
import { troubleIn, troubleInText } from '#api/http/text.ts'
import { validate } from '#api/http/validate.ts'
import type { Services } from '#api/services.ts'

/** One request that has passed authentication, permission and validation. */
export interface Call<Query = unknown, Body = unknown> {
  c: Context
  services: Services
  principal: Principal
  requestId: string
  /** A path parameter that the route declares. */
  param(name: string): string
  query: Query
  body: Body
  /** The body as it came, for hashing. */
  bodyText: string
}

export interface Answer {
  description: string
  schema?: z.ZodType
  /** Defaults to `application/json`. */
  contentType?: string
}

/** One route: what the OpenAPI document says of it and what it does. */
export interface EndpointSpec<Q extends z.ZodType, B extends z.ZodType> {
  method: 'get' | 'post' | 'put' | 'delete'
  /** With parameters in braces: `/vms/{id}`. */
  path: string
  operationId: string
  tag: string
  permission: Permission
  summary: string
  description?: string
  query?: Q
  body?: B
  /** The body may be left out. */
  bodyOptional?: boolean
  /** Takes `Prefer: wait=N`. */
  waits?: boolean
  /** Takes `If-Match`. */
  guarded?: boolean
  answers: Record<number, Answer>
  /** Problems beyond those that every route has. */
  problems?: ProblemCode[]
  handle(call: Call<z.output<Q>, z.output<B>>): Promise<Response> | Response
}

/** An endpoint whose types are settled. */
export interface Endpoint {
  method: EndpointSpec<z.ZodType, z.ZodType>['method']
  path: string
  permission: Permission
  route: RouteConfig
  answer(c: Context, services: Services): Promise<Response>
}

export function endpoint<Q extends z.ZodType = typeof nothing, B extends z.ZodType = typeof nothing>(
  spec: EndpointSpec<Q, B>,
): Endpoint {
  const path = `/api/multicloud${spec.path}`
  return {
    method: spec.method,
    path,
    permission: spec.permission,
    route: describe(spec, path),
    answer: async (c, services) => {
      const requestId = newId('req')
      const startedMs = performance.now()
      let limits: Record<string, string> = {}
      try {
        const principal = await authenticate(c, services.verifyToken)
        limits = services.rateLimit(principal)
        const response = await run(spec, c, services, requestId, principal)
        response.headers.set('x-request-id', requestId)
        for (const [name, value] of Object.entries(limits)) response.headers.set(name, value)
        return response
      } catch (error) {
        const { problem, ours } = asApiError(error)
        if (ours)
          services.log.error({ err: error, requestId, route: `${spec.method} ${path}` }, 'request failed')
        return problemResponse(problem, requestId, limits)
      } finally {
        const tookMs = Math.round(performance.now() - startedMs)
        if (tookMs > slowMs && !spec.waits && spec.operationId !== 'streamJobEvents')
          services.log.warn({ requestId, route: `${spec.method} ${path}`, tookMs }, 'slow request')
      }
    },
  }
}

/** Puts endpoints on the application: routes, their place in the OpenAPI document, and 405 for other methods. */
export function mount(app: OpenAPIHono, services: Services, endpoints: readonly Endpoint[]): void {
  for (const { route } of endpoints) app.openAPIRegistry.registerPath(route)
  const byPattern = Map.groupBy(endpoints, ({ path }) => path.replaceAll(/\{(\w+)\}/g, ':$1'))
  // A path without parameters goes first, 405 included: `/images/import` is no id of an image.
  const patterns = [...byPattern].toSorted(([a], [b]) => Number(a.includes(':')) - Number(b.includes(':')))
  for (const [pattern, served] of patterns) {
    for (const { method, answer } of served) app.on(method.toUpperCase(), pattern, (c) => answer(c, services))
    const allowed = served.map(({ method }) => method.toUpperCase())
    const allow = (allowed.includes('GET') ? [...allowed, 'HEAD'] : allowed).join(', ')
    app.all(pattern, (c) => {
      const error = new ApiError(
        'method_not_allowed',
        `This route does not take ${c.req.method.slice(0, 20)}.`,
        {
          remedy: `Use ${allow}.`,
          headers: { allow },
        },
      )
      return problemResponse(error, newId('req'))
    })
  }
}

const nothing = z.undefined()
const noBody = z.strictObject({})
const slowMs = 2000

async function run<Q extends z.ZodType, B extends z.ZodType>(
  spec: EndpointSpec<Q, B>,
  c: Context,
  services: Services,
  requestId: string,
  principal: Principal,
): Promise<Response> {
  assertPermitted(principal, spec.permission)
  const query = spec.query ? validate(spec.query, queryOf(c), 'query') : undefined
  const { body, bodyText } = changes(spec.method) ? await bodyOf(spec, c) : { body: undefined, bodyText: '' }
  return await spec.handle({
    c,
    services,
    principal,
    requestId,
    param: (name) => paramOf(c, name),
    // The schemas are optional in the spec, and their outputs are `undefined` where they are left out.
    query: query as z.output<Q>,
    body: body as z.output<B>,
    bodyText,
  })
}

const changes = (method: string): boolean => method === 'post' || method === 'put'

async function bodyOf<Q extends z.ZodType, B extends z.ZodType>(spec: EndpointSpec<Q, B>, c: Context) {
  const { text, value } = await readJson(c)
  if (!spec.body) {
    if (value !== undefined) validate(noBody, value, '')
    return { body: undefined, bodyText: text }
  }
  if (value === undefined && !spec.bodyOptional)
    throw invalid([
      { field: 'body', reason: 'is missing', remedy: 'Send a JSON object; /docs shows its fields.' },
    ])
  return { body: validate(spec.body, value ?? {}, ''), bodyText: text }
}

/** A repeated parameter becomes a list. */
function queryOf(c: Context): Record<string, unknown> {
  const query: Record<string, unknown> = {}
  for (const [name, values] of Object.entries(c.req.queries())) {
    if (name === '__proto__') continue
    query[name] = values.length === 1 ? values[0] : values
  }
  const trouble = troubleIn(query, 'query')
  if (trouble) throw invalid([trouble])
  return query
}

/** An id that cannot be anyone's is as unknown as one that is not there. */
function paramOf(c: Context, name: string): string {
  const value = c.req.param(name) ?? ''
  if (value.length === 0 || value.length > 255 || troubleInText(value, name) || /\p{Cc}/u.test(value))
    throw notFound('thing')
  return value
}

function describe<Q extends z.ZodType, B extends z.ZodType>(
  spec: EndpointSpec<Q, B>,
  path: string,
): RouteConfig {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '')
  const headers = {
    ...(spec.method === 'post' ? { 'Idempotency-Key': idempotencyHeader } : {}),
    ...(spec.waits ? { Prefer: preferHeader } : {}),
    ...(spec.guarded ? { 'If-Match': ifMatchHeader } : {}),
  }
  const codes: ProblemCode[] = [
    'unauthenticated',
    'forbidden',
    'rate_limited',
    ...(names.length > 0 ? (['not_found'] as const) : []),
    ...(changes(spec.method) ? bodyProblems : []),
    ...(spec.method === 'post' ? (['idempotency_key_reused'] as const) : []),
    ...(spec.query ? (['validation_failed'] as const) : []),
    ...(spec.guarded ? (['version_mismatch', 'version_required'] as const) : []),
    ...(spec.problems ?? []),
  ]
  return {
    method: spec.method,
    path,
    operationId: spec.operationId,
    tags: [spec.tag],
    summary: spec.summary,
    ...(spec.description ? { description: spec.description } : {}),
    security: [{ bearer: [] }],
    'x-permission': spec.permission,
    request: {
      ...(names.length > 0
        ? { params: z.object(Object.fromEntries(names.map((name) => [name, z.string().min(1).max(255)]))) }
        : {}),
      ...(spec.query instanceof z.ZodObject ? { query: spec.query } : {}),
      ...(Object.keys(headers).length > 0 ? { headers: z.object(headers) } : {}),
      ...(spec.body
        ? { body: { required: !spec.bodyOptional, content: { 'application/json': { schema: spec.body } } } }
        : {}),
    },
    responses: { ...answersOf(spec.answers), ...problemsOf(codes) },
  }
}

const bodyProblems = [
  'malformed_json',
  'body_too_large',
  'unsupported_media_type',
  'validation_failed',
] as const

const idempotencyHeader = z.string().max(255).optional().openapi({
  description:
    'Makes the request safe to repeat: the same key with the same body gives the first answer again (`Idempotency-Replayed: true`).',
})
const preferHeader = z.string().optional().openapi({
  description:
    '`wait=30` holds the answer until the job has finished, for at most that many seconds (60 at most).',
  example: 'wait=30',
})
const ifMatchHeader = z.string().optional().openapi({
  description: 'The `ETag` of the version that the change is based on; required.',
  example: '"v1"',
})

function answersOf(answers: Record<number, Answer>): RouteConfig['responses'] {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, schema, contentType }]) => [
      status,
      { description, ...(schema ? { content: { [contentType ?? 'application/json']: { schema } } } : {}) },
    ]),
  )
}

function problemsOf(codes: readonly ProblemCode[]): RouteConfig['responses'] {
  const byStatus = Map.groupBy(new Set(codes), (code) => problems[code][0])
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [
      status,
      {
        description: list.map((code) => `\`${code}\`: ${problems[code][1]}.`).join(' '),
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  )
}

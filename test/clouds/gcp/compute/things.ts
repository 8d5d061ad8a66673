import type { PlainReply } from '#test/clouds/core/server.ts'
import { changing } from '#test/clouds/gcp/compute/operations.ts'
import type { ComputeAsk } from '#test/clouds/gcp/compute/handler.ts'
import { aggregatedPage, page } from '#test/clouds/gcp/compute/lists.ts'
import { regionNamed, regionOf } from '#test/clouds/gcp/compute/places.ts'
import {
  fingerprintOf,
  listOf,
  pathOf,
  type Body,
  type Collection,
  type Thing,
} from '#test/clouds/gcp/compute/world.ts'
import { json, Refusal } from '#test/clouds/gcp/refusal.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** The thing that a request's path names. @throws Refusal 404. */
export function found({ world, path }: ComputeAsk, collection: Collection, parameter: string): Thing {
  const place = path['zone'] ?? path['region'] ?? ''
  checkPlace(world, path)
  const wanted = pathOf(world.compute, {
    project: path['project'] ?? '',
    collection,
    place,
    name: path[parameter] ?? '',
  })
  const thing = world.compute.things.get(wanted)
  if (thing && !isGone(thing)) return thing
  throw new Refusal(404, 'notFound', `The resource '${wanted}' was not found`)
}

/** A new thing's name and place, once they have been found free. @throws Refusal 400 `invalid`, 409 `alreadyExists`. */
export function placeFor(
  { world, path, body }: Pick<ComputeAsk, 'world' | 'path' | 'body'>,
  collection: Collection,
) {
  checkPlace(world, path)
  const place = path['zone'] ?? path['region'] ?? ''
  const at = { collection, place, name: nameIn(body) }
  mustBeFree(world, pathOf(world.compute, at))
  return at
}

export function mustBeFree(world: World, path: string): void {
  const taken = world.compute.things.get(path)
  if (taken && !isGone(taken))
    throw new Refusal(409, 'alreadyExists', `The resource '${path}' already exists`)
}

export function nameIn(body: Body): string {
  const { name } = body
  if (typeof name !== 'string')
    throw new Refusal(400, 'required', "Required field 'resource.name' not specified")
  if (/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) return name
  throw new Refusal(
    400,
    'invalid',
    `Invalid value for field 'resource.name': '${name}'. Must be a match of regex '[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?'`,
  )
}

/** As the service gives a thing: what it keeps, with what it adds. */
export function viewOf(world: World, thing: Thing, more: Body = {}): Body {
  const base = `${world.url()}/compute/v1/`
  const scope = thing.path.split('/')[2]
  const labels = (thing.body['labels'] ?? {}) as Record<string, string>
  return {
    kind: `compute#${singular(thing.collection)}`,
    id: thing.id,
    creationTimestamp: new Date(thing.createdMs).toISOString(),
    name: thing.name,
    ...links(base, withoutOurs(thing.body)),
    ...(statusless.has(thing.collection) ? {} : { status: thing.life.state() }),
    ...(labelled.has(thing.collection) ? { labelFingerprint: fingerprintOf(labels) } : {}),
    ...(scope === 'zones' ? { zone: `${base}projects/${world.project}/zones/${thing.place}` } : {}),
    ...(scope === 'regions' ? { region: `${base}projects/${world.project}/regions/${thing.place}` } : {}),
    selfLink: base + thing.path,
    ...links(base, more),
  }
}

/** A list of one collection in the request's zone, region or globally. */
export function listPage(ask: ComputeAsk, collection: Collection, view: (thing: Thing) => Body): PlainReply {
  checkPlace(ask.world, ask.path)
  const place = ask.path['zone'] ?? ask.path['region'] ?? ''
  const project = ask.path['project'] ?? ''
  const all = visible(ask.world, collection).filter(
    (thing) => thing.place === place && thing.path.startsWith(`projects/${project}/`),
  )
  return page(ask, `compute#${collection.replace(/s$/, '')}List`, all.map(view))
}

export function aggregated(
  ask: ComputeAsk,
  collection: Collection,
  view: (thing: Thing) => Body,
): PlainReply {
  const regions = [...ask.world.compute.regions.values()]
  const scopes =
    collection === 'instances' || collection === 'disks'
      ? regions.flatMap(({ zones }) => zones.map((zone) => `zones/${zone}`))
      : ['global', ...regions.map(({ name }) => `regions/${name}`)]
  const all = visible(ask.world, collection)
    .filter(({ path }) => path.startsWith(`projects/${ask.world.project}/`))
    .map((thing) => ({ scope: thing.path.split('/').slice(2, -2).join('/'), item: view(thing) }))
  return aggregatedPage(ask, `compute#${collection.replace(/s$/, '')}AggregatedList`, collection, all, scopes)
}

/** `setLabels`: the whole set at once, with the fingerprint of the one that it replaces. */
export const setLabels = (collection: Collection, parameter: string) => (ask: ComputeAsk) =>
  changing(ask, 'setLabels', () => {
    const thing = found(ask, collection, parameter)
    checkFingerprint(ask.body['labelFingerprint'], fingerprintOf(thing.body['labels'] ?? {}), 'Labels')
    const labels = ask.body['labels'] ?? {}
    checkLabels(labels)
    thing.body['labels'] = labels
    return { target: thing }
  })

export function checkFingerprint(given: unknown, present: string, what: string): void {
  if (given === present) return
  throw new Refusal(
    412,
    'conditionNotMet',
    `${what} fingerprint either invalid or resource labels have changed`,
  )
}

/** https://cloud.google.com/compute/docs/labeling-resources#restrictions */
export function checkLabels(labels: unknown): void {
  const entries = Object.entries((labels ?? {}) as Record<string, string>)
  if (entries.length > 64) throw new Refusal(400, 'invalid', 'Labels are limited to 64.')
  for (const [key, value] of entries) {
    if (
      /^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$/u.test(key) &&
      /^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u.test(value)
    )
      continue
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'resource.labels': '${key}=${value}'. Label is invalid.`,
    )
  }
}

/** Takes a thing away at once. */
export function remove(world: World, thing: Thing): void {
  world.compute.things.delete(thing.path)
  if (world.disks.has(thing.path)) world.later(world.disks.remove(thing.path))
}

export const inUse = (path: string, by: string): Refusal =>
  new Refusal(
    400,
    'resourceInUseByAnotherResource',
    `The ${words(path)} resource '${path}' is already being used by '${by}'`,
  )

export const notReady = (path: string): Refusal =>
  new Refusal(400, 'resourceNotReady', `The resource '${path}' is not ready`)

/** Deleted, and only waiting to be looked at. */
export const isGone = (thing: Thing): boolean => thing.life.state() === 'GONE'

/** Things that lists show: what has just been made is missing for a moment. */
const visible = (world: World, collection: Collection): Thing[] =>
  listOf(world.compute, collection).filter(
    (thing) => world.clock.now() >= thing.listedFromMs && !isGone(thing),
  )

function checkPlace(world: World, path: ComputeAsk['path']): void {
  if (path['zone'] !== undefined) regionOf(world, path['zone'])
  if (path['region'] !== undefined) regionNamed(world, path['region'])
  if (path['project'] === world.project || path['project'] === 'ubuntu-os-cloud') return
  throw new Refusal(
    403,
    'forbidden',
    `Required 'compute.projects.get' permission for 'projects/${path['project']}'`,
  )
}

/** References are kept as paths and given as URLs. */
function links(base: string, body: Body): Body {
  const link = (value: unknown): unknown => {
    if (typeof value === 'string')
      return value.startsWith('projects/') && !/cryptoKeys|resourcePolicies/.test(value)
        ? base + value
        : value
    if (Array.isArray(value)) return value.map(link)
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, link(item)]))
    return value
  }
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, unlinked.has(name) ? value : link(value)]),
  )
}

const unlinked = new Set(['labels', 'metadata', 'description', 'tags'])
const statusless = new Set<Collection>(['networks', 'subnetworks', 'firewalls'])
const labelled = new Set<Collection>(['instances', 'disks', 'snapshots', 'images', 'addresses'])
const singular = (collection: string): string =>
  collection === 'addresses' ? 'address' : collection.replace(/s$/, '')

const words = (path: string): string => singular(path.split('/').at(-2) ?? '')

/** What the loopback notes for itself. */
const withoutOurs = (body: Body): Body =>
  Object.fromEntries(Object.entries(body).filter(([name]) => name !== 'populated'))

export const okay = (body: Body): PlainReply => json(200, body)

import {
  accepted,
  groupOf,
  idOf,
  listOf,
  locationOf,
  page,
  type ArmHandler,
  type ArmRequest,
  type Context,
} from '#test/clouds/azure/context.ts'
import type { Tags } from '#test/clouds/azure/estate.ts'
import type { Definition, Gallery } from '#test/clouds/azure/images/world.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { flag, list, object, oneOf, tags, text } from '#test/clouds/azure/schema.ts'

export const galleryType = 'Microsoft.Compute/galleries'
const provider = 'Microsoft.Compute'

const galleryBody = object(
  'Gallery',
  { location: text, tags, properties: object('GalleryProperties', { description: text }) },
  ['location'],
)

export const putGallery: ArmHandler = (context, request) => {
  const id = idOf(context, request, galleryType)
  galleryBody(request.body, '')
  const name = request.path['name'] ?? ''
  if (!/^[A-Za-z\d](?:[\w.]{0,78}[A-Za-z\d])?$/.test(name))
    throw new Refusal(400, 'InvalidParameter', `The gallery name '${name}' is not valid.`, 'galleryName')
  const location = locationOf(request.body)
  const { tags: given = {} } = request.body as { tags?: Tags }
  const existing = context.galleries.get(id.toLowerCase())
  if (existing && existing.location !== location)
    throw new Refusal(409, 'InvalidResourceLocation', `The gallery '${name}' is in '${existing.location}'.`)
  const gallery: Gallery = {
    id,
    name,
    group: groupOf(context, request),
    location,
    definitions: new Map(),
    ...existing,
    tags: given,
  }
  context.galleries.set(id.toLowerCase(), gallery)
  return made(context, request, gallery.location, existing !== undefined, showGallery(gallery))
}

export const getGallery: ArmHandler = (context, request) =>
  json(200, showGallery(galleryOf(context, request)))

export const listGalleries: ArmHandler = (context, request) =>
  listOf(context, request, galleryType, (group) =>
    [...context.galleries.values()]
      .filter((each) => group === undefined || each.group.toLowerCase() === group.toLowerCase())
      .map(showGallery),
  )

const definitionBody = object(
  'GalleryImage',
  {
    location: text,
    tags,
    properties: object(
      'GalleryImageProperties',
      {
        description: text,
        osType: oneOf('Linux', 'Windows'),
        osState: oneOf('Generalized', 'Specialized'),
        hyperVGeneration: oneOf('V1', 'V2'),
        architecture: oneOf('x64', 'Arm64'),
        identifier: object('GalleryImageIdentifier', { publisher: text, offer: text, sku: text }, [
          'publisher',
          'offer',
          'sku',
        ]),
        features: list(object('GalleryImageFeature', { name: text, value: text })),
        allowUpdateImage: flag,
      },
      ['osType', 'osState', 'identifier'],
    ),
  },
  ['location', 'properties'],
)

interface DefinitionBody {
  tags?: Tags
  properties: {
    osState: string
    hyperVGeneration?: 'V1' | 'V2'
    architecture?: 'x64' | 'Arm64'
    identifier: Record<string, string>
  }
}

export const putDefinition: ArmHandler = (context, request) => {
  const gallery = galleryOf(context, request)
  definitionBody(request.body, '')
  const name = request.path['image'] ?? ''
  const location = locationOf(request.body)
  const { tags: given = {}, properties } = request.body as DefinitionBody
  const existing = gallery.definitions.get(name.toLowerCase())
  const others = [...gallery.definitions.values()].filter((each) => each !== existing)
  const key = (of: unknown) => JSON.stringify(of).toLowerCase()
  if (others.some((each) => key(each.given['identifier']) === key(properties.identifier)))
    throw new Refusal(
      409,
      'Conflict',
      'An image definition with the same publisher, offer and sku exists in the gallery.',
      'identifier',
    )
  const generation = properties.hyperVGeneration ?? 'V1'
  if (existing && (existing.generation !== generation || existing.given['osState'] !== properties.osState))
    throw new Refusal(409, 'PropertyChangeNotAllowed', "Changing property 'galleryImage' is not allowed.")
  const definition: Definition = {
    id: `${gallery.id}/images/${name}`,
    name,
    location,
    versions: new Map(),
    ...existing,
    tags: given,
    given: properties,
    generation,
    architecture: properties.architecture ?? 'x64',
    specialized: properties.osState.toLowerCase() === 'specialized',
  }
  gallery.definitions.set(name.toLowerCase(), definition)
  return made(context, request, location, existing !== undefined, showDefinition(definition))
}

export const getDefinition: ArmHandler = (context, request) =>
  json(200, showDefinition(definitionOf(context, request)))

export const listDefinitions: ArmHandler = (context, request) => {
  const gallery = galleryOf(context, request)
  return page(context, request, `${gallery.id}/images`, [...gallery.definitions.values()].map(showDefinition))
}

export const deleteDefinition: ArmHandler = (context, request) => {
  const gallery = galleryOf(context, request)
  const definition = gallery.definitions.get((request.path['image'] ?? '').toLowerCase())
  if (!definition) return { status: 204 }
  for (const version of definition.versions.values()) version.life.state()
  if (definition.versions.size > 0)
    throw new Refusal(
      409,
      'CannotDeleteResource',
      'Can not delete resource before nested resources are deleted.',
    )
  gallery.definitions.delete(definition.name.toLowerCase())
  return accepted(context, request, { provider, region: gallery.location, status: 202, afterMs: 0 })
}

export function definitionOf(context: Context, request: ArmRequest): Definition {
  const definition = galleryOf(context, request).definitions.get((request.path['image'] ?? '').toLowerCase())
  if (definition) return definition
  throw new Refusal(
    404,
    'ResourceNotFound',
    `The Resource '${galleryType}/${request.path['name']}/images/${request.path['image']}' under resource group '${request.path['group']}' was not found.`,
  )
}

function galleryOf(context: Context, request: ArmRequest): Gallery {
  const gallery = context.galleries.get(idOf(context, request, galleryType).toLowerCase())
  if (gallery) return gallery
  const about = `'${galleryType}/${request.path['name']}' under resource group '${request.path['group']}'`
  if (request.path['image'] === undefined)
    throw new Refusal(404, 'ResourceNotFound', `The Resource ${about} was not found.`)
  throw new Refusal(
    404,
    'ParentResourceNotFound',
    `Failed to perform 'write' on resource(s) of type 'galleries/images', because the parent resource ${about} could not be found.`,
  )
}

const made = (context: Context, request: ArmRequest, region: string, was: boolean, body: unknown) =>
  accepted(context, request, {
    provider,
    region,
    status: was ? 200 : 201,
    body,
    afterMs: was ? 0 : context.delays.network,
  })

const showGallery = ({ id, name, location, tags: given }: Gallery) => ({
  id,
  name,
  type: galleryType,
  location,
  tags: given,
  properties: { provisioningState: 'Succeeded', identifier: { uniqueName: `loopback-${name}` } },
})

const showDefinition = ({ id, name, location, tags: shown, given }: Definition) => ({
  id,
  name,
  type: `${galleryType}/images`,
  location,
  tags: shown,
  properties: { ...given, provisioningState: 'Succeeded' },
})

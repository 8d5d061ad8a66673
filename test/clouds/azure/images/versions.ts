import {
  accepted,
  locationOf,
  page,
  type ArmHandler,
  type ArmRequest,
  type Context,
} from '#test/clouds/azure/context.ts'
import type { Tags } from '#test/clouds/azure/estate.ts'
import { definitionOf, galleryType } from '#test/clouds/azure/images/galleries.ts'
import { takeBytes, type VersionSource } from '#test/clouds/azure/images/sources.ts'
import { versionState, type Version } from '#test/clouds/azure/images/world.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { flag, list, object, oneOf, tags, text, whole } from '#test/clouds/azure/schema.ts'

const provider = 'Microsoft.Compute'
const diskSource = object('GalleryDiskImageSource', { id: text, uri: text, storageAccountId: text })

const versionBody = object(
  'GalleryImageVersion',
  {
    location: text,
    tags,
    properties: object(
      'GalleryImageVersionProperties',
      {
        publishingProfile: object('GalleryImageVersionPublishingProfile', {
          targetRegions: list(
            object(
              'TargetRegion',
              {
                name: text,
                regionalReplicaCount: whole(1, 100),
                storageAccountType: oneOf('Standard_LRS', 'Standard_ZRS', 'Premium_LRS', 'StandardSSD_LRS'),
              },
              ['name'],
            ),
          ),
          excludeFromLatest: flag,
          replicationMode: oneOf('Full', 'Shallow'),
        }),
        storageProfile: object('GalleryImageVersionStorageProfile', {
          source: object('GalleryArtifactVersionFullSource', { id: text, virtualMachineId: text }),
          osDiskImage: object('GalleryOSDiskImage', {
            source: diskSource,
            hostCaching: oneOf('None', 'ReadOnly', 'ReadWrite'),
          }),
        }),
      },
      ['storageProfile'],
    ),
  },
  ['location', 'properties'],
)

interface VersionBody {
  tags?: Tags
  properties: { storageProfile: VersionSource; publishingProfile?: { targetRegions?: { name: string }[] } }
}

/** A version is made in the background; what is wrong with its source shows when it has failed. */
export const putVersion: ArmHandler = async (context, request) => {
  const definition = definitionOf(context, request)
  versionBody(request.body, '')
  const name = request.path['version'] ?? ''
  if (!/^\d+\.\d+\.\d+$/.test(name))
    throw new Refusal(400, 'InvalidParameter', `The version '${name}' is not of the form major.minor.patch.`)
  const location = locationOf(request.body)
  const { tags: given = {}, properties } = request.body as VersionBody
  const existing = definition.versions.get(name)
  if (existing) {
    if (versionState(existing) !== 'Succeeded')
      throw new Refusal(
        409,
        'Conflict',
        `The image version ${name} is in state ${versionState(existing)} and cannot be changed.`,
      )
    if (JSON.stringify(properties.storageProfile) !== JSON.stringify(existing.given['storageProfile']))
      throw new Refusal(
        409,
        'PropertyChangeNotAllowed',
        "Changing property 'galleryImageVersion.properties.storageProfile' is not allowed.",
      )
    existing.tags = given
    return reply(context, request, existing, 200, 0)
  }
  const { disks, failure } = await takeBytes(context, location, properties.storageProfile)
  const version: Version = {
    id: `${definition.id}/versions/${name}`,
    name,
    location,
    tags: given,
    createdAt: new Date(),
    given: properties,
    disks,
    ...(failure === undefined ? {} : { failure }),
    life: context.estate.begin(context.delays.snapshot, context.delays.disk, () => {
      definition.versions.delete(name)
      for (const { storeId } of disks) context.later(context.store.remove(storeId))
    }),
  }
  definition.versions.set(name, version)
  return reply(context, request, version, 201, context.delays.snapshot)
}

export const getVersion: ArmHandler = (context, request) => {
  const expand = request.query.get('$expand')
  if (expand !== null && expand !== 'ReplicationStatus')
    throw new Refusal(
      400,
      'InvalidParameter',
      `The value '${expand}' of '$expand' is not allowed.`,
      '$expand',
    )
  return json(200, show(versionOf(context, request), expand !== null))
}

export const listVersions: ArmHandler = (context, request) => {
  const definition = definitionOf(context, request)
  for (const version of definition.versions.values()) version.life.state()
  return page(
    context,
    request,
    `${definition.id}/versions`,
    [...definition.versions.values()].map((version) => show(version, false)),
  )
}

export const deleteVersion: ArmHandler = (context, request) => {
  const definition = definitionOf(context, request)
  const version = definition.versions.get(request.path['version'] ?? '')
  if (!version) return { status: 204 }
  if (version.life.state() !== 'deleting') version.life.enter('deleting')
  return accepted(context, request, {
    provider,
    region: version.location,
    status: 202,
    afterMs: context.delays.disk,
  })
}

function versionOf(context: Context, request: ArmRequest): Version {
  const version = definitionOf(context, request).versions.get(request.path['version'] ?? '')
  if (version && version.life.state() !== 'gone') return version
  throw new Refusal(
    404,
    'ResourceNotFound',
    `The Resource '${galleryType}/${request.path['name']}/images/${request.path['image']}/versions/${request.path['version']}' was not found.`,
  )
}

const reply = (context: Context, request: ArmRequest, version: Version, status: number, afterMs: number) =>
  accepted(context, request, {
    provider,
    region: version.location,
    status,
    body: show(version, false),
    afterMs,
    ...(version.failure === undefined ? {} : { error: version.failure }),
  })

function show(version: Version, withReplication: boolean) {
  const state = versionState(version)
  const { storageProfile, publishingProfile, ...rest } = version.given as {
    storageProfile: Record<string, unknown>
    publishingProfile?: { targetRegions?: { name: string }[] }
  }
  const [boot] = version.disks
  const replicated = state === 'Succeeded' ? 'Completed' : state === 'Failed' ? 'Failed' : 'Replicating'
  return {
    id: version.id,
    name: version.name,
    type: `${galleryType}/images/versions`,
    location: version.location,
    tags: version.tags,
    properties: {
      ...rest,
      publishingProfile: { ...publishingProfile, publishedDate: version.createdAt.toISOString() },
      storageProfile: {
        ...storageProfile,
        osDiskImage: {
          ...(storageProfile['osDiskImage'] as object | undefined),
          ...(boot === undefined ? {} : { sizeInGB: Math.ceil(boot.sizeBytes / 1024 ** 3) }),
        },
      },
      provisioningState: state,
      ...(withReplication
        ? {
            replicationStatus: {
              aggregatedState: replicated,
              summary: (publishingProfile?.targetRegions ?? []).map(({ name }) => ({
                region: name,
                state: replicated,
                details: version.failure && state === 'Failed' ? version.failure.message : '',
                progress: state === 'Succeeded' ? 100 : 0,
              })),
            },
          }
        : {}),
    },
  }
}

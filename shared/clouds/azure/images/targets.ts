import { CloudError } from '#shared/clouds/errors.ts'

/** Where an image is: a version in a Compute Gallery, or a managed image (the older kind, which users may have). */
export type ImageTarget =
  | { kind: 'version'; group: string; gallery: string; definition: string; version: string }
  | { kind: 'managed'; group: string; name: string }

/** Images of ours have one version each. */
export const onlyVersion = '1.0.0'

/**
 * Reads an image's resource id; that of a gallery's image definition means its `1.0.0`.
 * @throws CloudError `invalid_request` for anything else.
 */
export function imageTarget(id: string): ImageTarget {
  const target = tryImageTarget(id)
  if (target) return target
  throw new CloudError(`"${id}" is not the id of an Azure image.`, {
    cloud: 'azure',
    operation: 'parse id',
    code: 'invalid_request',
    remedy: 'Use /subscriptions/…/providers/Microsoft.Compute/galleries/…/images/…/versions/…',
    details: { field: 'image' },
  })
}

/** The same, with undefined for anything else. */
export function tryImageTarget(id: string): ImageTarget | undefined {
  const [, group = '', kind = '', name = '', rest = ''] =
    /^\/subscriptions\/[^/]+\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/(galleries|images)\/([^/]+)(.*)$/i.exec(
      id,
    ) ?? []
  if (kind.toLowerCase() === 'images' && rest === '') return { kind: 'managed', group, name }
  const [, definition, version = onlyVersion] =
    /^\/images\/([^/]+)(?:\/versions\/([^/]+))?$/i.exec(rest) ?? []
  return definition === undefined ? undefined : { kind: 'version', group, gallery: name, definition, version }
}

/** One version of an object; the newest of a key comes first. A deletion of a versioned bucket leaves a marker. */
export interface Version {
  key: string
  versionId: string
  /** Where its bytes are in the store; undefined for a deletion marker. */
  storeKey: string | undefined
  sizeBytes: number
  etag: string
  modifiedAt: Date
  /** Base64 by name of the algorithm, as it was given. */
  checksums: Record<string, string>
  contentType: string
}

export interface Part {
  number: number
  storeKey: string
  sizeBytes: number
  /** Hex. */
  md5: string
  checksums: Record<string, string>
  modifiedAt: Date
}

export interface Upload {
  id: string
  key: string
  initiatedAt: Date
  contentType: string
  algorithm: string | undefined
  parts: Map<number, Part>
}

export interface Bucket {
  name: string
  region: string
  createdAt: Date
  tags: Map<string, string>
  /** Configurations as they were put and are given back: XML, but the policy, which is JSON; by subresource. */
  settings: Map<string, string>
  versions: Map<string, Version[]>
  uploads: Map<string, Upload>
}

export const isVersioned = (bucket: Bucket): boolean =>
  /<Status>Enabled<\/Status>/.test(bucket.settings.get('versioning') ?? '')

/** The version that a key means now, unless that is a deletion. */
export function currentVersion(bucket: Bucket, key: string): Version | undefined {
  const [newest] = bucket.versions.get(key) ?? []
  return newest?.storeKey === undefined ? undefined : newest
}

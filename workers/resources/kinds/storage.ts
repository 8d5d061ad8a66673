import type { ResourceSpecs } from '#shared/resources/specs.ts'
import type { Craft } from '#workers/resources/kinds.ts'
import { seeBucket, seeVolume } from '#workers/resources/seen.ts'

export const volumes: Craft<ResourceSpecs['volume']> = {
  create: async (cloud, { input: { region, name, spec }, intent }) => ({
    ref: await cloud.storage.volumes.create({ ...intent('volume'), region, name, ...spec }),
  }),
  async get(cloud, ref) {
    const volume = await cloud.storage.volumes.get(ref)
    return volume && seeVolume(volume)
  },
  remove: (cloud, ref) => cloud.storage.volumes.delete(ref),
}

export const buckets: Craft<ResourceSpecs['bucket']> = {
  create: async (cloud, { input: { region, name, spec }, intent }) => ({
    ref: await cloud.storage.buckets.create({ ...intent('bucket'), region, name, ...spec }),
  }),
  async get(cloud, ref) {
    const bucket = await cloud.storage.buckets.get(ref)
    return bucket && seeBucket(bucket)
  },
  remove: (cloud, ref, _observed, { withObjects }) => cloud.storage.buckets.delete(ref, { withObjects }),
}

import type { ResourceSpecs } from '#shared/resources/specs.ts'
import type { Craft } from '#workers/resources/kinds.ts'
import { seeImage } from '#workers/resources/seen.ts'
import { unknownVm } from '#workers/power.ts'

export const images: Craft<ResourceSpecs['image']> = {
  async create(cloud, { input: { name, spec }, intent }) {
    const vm = await cloud.compute.get(spec.vm)
    if (!vm) throw unknownVm(cloud, spec.vm.id)
    const { disks } = vm
    const ref = await cloud.images.createFromVm({ ...intent('image'), vm: spec.vm, disks, name })
    return { ref, kept: { vm: spec.vmId } }
  },
  async get(cloud, ref) {
    const image = await cloud.images.get(ref)
    return image && seeImage(image)
  },
  remove: (cloud, ref) => cloud.images.delete(ref),
}

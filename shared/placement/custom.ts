/**
 * Is it the name of a size of one's own, with as many vCPUs and as much memory as it says: `custom-<vcpus>-<MiB>`, or with a machine series in
 * front as Google Cloud has it (`n2-custom-4-8192`)? Which clouds have such sizes: capability `compute.customSize`.
 */
export const isCustomSize = (name: string): boolean => /^(?:[a-z][a-z0-9]*-)?custom-/i.test(name)

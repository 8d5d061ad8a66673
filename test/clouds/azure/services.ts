import type { Entry } from '#test/clouds/azure/entry.ts'

/** Operations of the services beside machines: storage, images, and everything that is only looked at. */
export const services: Entry[] = []

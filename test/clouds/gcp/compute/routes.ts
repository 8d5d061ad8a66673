import { addressHandlers } from '#test/clouds/gcp/compute/addresses.ts'
import { diskHandlers, snapshotHandlers } from '#test/clouds/gcp/compute/disks.ts'
import { routesOf, type Handlers } from '#test/clouds/gcp/compute/handler.ts'
import { imageHandlers } from '#test/clouds/gcp/compute/images.ts'
import { instanceHandlers } from '#test/clouds/gcp/compute/instances/handlers.ts'
import { settle } from '#test/clouds/gcp/compute/instances/state.ts'
import { networkHandlers } from '#test/clouds/gcp/compute/networks.ts'
import { operationHandlers } from '#test/clouds/gcp/compute/operations.ts'
import { placeHandlers } from '#test/clouds/gcp/compute/places.ts'
import type { Route } from '#test/clouds/gcp/route.ts'

const handlers: Handlers = {
  ...placeHandlers,
  ...operationHandlers,
  ...instanceHandlers,
  ...diskHandlers,
  ...snapshotHandlers,
  ...imageHandlers,
  ...networkHandlers,
  ...addressHandlers,
}

/** Compute Engine v1 (https://cloud.google.com/compute/docs/reference/rest/v1). */
export const computeRoutes: readonly Route[] = routesOf(handlers).map((route) => ({
  ...route,
  answer: (ask) => {
    settle(ask.world)
    return route.answer(ask)
  },
}))

import { connect } from '#shared/clouds/gcp/client.ts'
import { parseGcpSettings } from '#shared/clouds/gcp/settings.ts'
import type { CloudRef, CloudSettings } from '#shared/clouds/port.ts'

/** Lets everybody read a bucket, as its owner may by mistake: lifts what prevents it, then binds `allUsers`. */
export const makePublic =
  (settings: CloudSettings) =>
  async ({ id }: CloudRef): Promise<void> => {
    const gcp = await connect(parseGcpSettings(settings))
    const change = (operation: string, method: 'PATCH' | 'PUT', path: string, body: object) =>
      gcp.rest(operation, { method, service: 'storage', path: `/storage/v1/b/${id}${path}`, body })
    try {
      await change('storage.buckets.patch', 'PATCH', '', {
        iamConfiguration: { publicAccessPrevention: 'inherited' },
      })
      await change('storage.buckets.setIamPolicy', 'PUT', '/iam', {
        bindings: [{ role: 'roles/storage.objectViewer', members: ['allUsers'] }],
      })
    } finally {
      gcp.close()
    }
  }

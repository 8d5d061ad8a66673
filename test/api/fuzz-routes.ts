import { azureProvider, vmRequest } from './harness.ts'

/** The part of the OpenAPI document that tells what can be sent. */
export interface OpenApi {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}
interface Operation {
  parameters?: { in: string; name: string }[]
  requestBody?: { content: { 'application/json': { schema: Schema } } }
}
interface Schema {
  $ref?: string
  properties?: Record<string, Schema>
}

/** A path with its parameters filled in. */
export const fill = (path: string, id: string) => path.replaceAll(/\{\w+\}/g, id)

/** Every operation of the document that is served. */
export function operationsOf({ paths, components }: OpenApi) {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const schema = operation.requestBody?.content['application/json'].schema
      const name = schema?.$ref?.split('/').at(-1)
      const body = name ? components.schemas[name] : schema
      const query = (operation.parameters ?? []).filter((one) => one.in === 'query').map((one) => one.name)
      return {
        path,
        method,
        query,
        fields: Object.keys(body?.properties ?? {}),
        takesBody: writes.has(method),
      }
    }),
  )
}

const placed = { provider_id: 'aws-prod', region: 'us-east-1' }
const rule = { direction: 'ingress', protocol: 'tcp', from_port: 443, to_port: 443, cidrs: ['0.0.0.0/0'] }

/** A body that is right, for the mutations to start from. */
export const soundBodies: Record<string, Record<string, unknown>> = {
  '/api/multicloud/providers': { ...azureProvider, provider_id: 'fuzzed' },
  '/api/multicloud/providers/{id}': { config: azureProvider.config },
  '/api/multicloud/vms': vmRequest,
  '/api/multicloud/vms/{id}': { tags: { team: 'web' } },
  '/api/multicloud/vms/{id}/snapshot': { name: 'before-upgrade' },
  '/api/multicloud/networks': {
    ...placed,
    name: 'front',
    cidr: '10.20.0.0/16',
    subnets: [{ name: 'front-a', cidr: '10.20.1.0/24' }],
  },
  '/api/multicloud/networks/{id}/subnets': { name: 'front-b', cidr: '10.20.2.0/24' },
  '/api/multicloud/security-groups': { ...placed, name: 'web', rules: [rule] },
  '/api/multicloud/security-groups/{id}/rules': { rules: [rule] },
  '/api/multicloud/addresses': { ...placed, name: 'web' },
  '/api/multicloud/addresses/{id}/associate': { vm_id: 'vm_own' },
  '/api/multicloud/volumes': { ...placed, name: 'data', size_gib: 8, type: 'ssd', zone: 'us-east-1a' },
  '/api/multicloud/volumes/{id}': { size_gib: 16 },
  '/api/multicloud/volumes/{id}/attach': { vm_id: 'vm_own' },
  '/api/multicloud/volumes/{id}/snapshot': { name: 'nightly' },
  '/api/multicloud/snapshots/{id}/restore': { volume: { name: 'restored' } },
  '/api/multicloud/images': { vm_id: 'vm_own', name: 'golden' },
  '/api/multicloud/images/import': {
    ...placed,
    name: 'golden',
    format: 'vmdk',
    source: { bucket: 'images', key: 'golden.vmdk' },
  },
  '/api/multicloud/images/{id}/export': { format: 'vhd', target: { bucket: 'images', key: 'golden.vhd' } },
  '/api/multicloud/buckets': {
    ...placed,
    name: 'acme-logs',
    lifecycle: [{ id: 'old', expire_after_days: 30 }],
  },
  '/api/multicloud/buckets/{id}/lifecycle': { lifecycle: [{ id: 'old', expire_after_days: 30 }] },
  '/api/multicloud/migrations': { vm_id: 'vm_own', destination_provider_id: 'azure-prod' },
  '/api/multicloud/webhooks': { url: 'https://hooks.example.com/' },
  '/api/multicloud/webhooks/{id}': { url: 'https://hooks.example.com/' },
}

const writes = new Set(['post', 'put'])

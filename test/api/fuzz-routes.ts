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

/** A body that is right, for the mutations to start from. */
export const soundBodies: Record<string, Record<string, unknown>> = {
  '/api/multicloud/providers': { ...azureProvider, provider_id: 'fuzzed' },
  '/api/multicloud/providers/{id}': { config: azureProvider.config },
  '/api/multicloud/vms': vmRequest,
  '/api/multicloud/migrations': { vm_id: 'vm_own', destination_provider_id: 'azure-prod' },
  '/api/multicloud/webhooks': { url: 'https://hooks.example.com/' },
  '/api/multicloud/webhooks/{id}': { url: 'https://hooks.example.com/' },
}

const writes = new Set(['post', 'put'])

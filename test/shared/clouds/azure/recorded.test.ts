import { join } from 'node:path'
import { openAzure } from '#shared/clouds/azure/azure.ts'
import { createSignIn } from '#test/clouds/azure/signin.ts'
import { machineCases } from '#test/shared/clouds/azure/recorded/machines.ts'
import { serviceCases } from '#test/shared/clouds/azure/recorded/services.ts'
import { recorded } from '#test/shared/clouds/recorded.ts'

const app = {
  tenantId: '72f988bf-86f1-41af-91ab-2d7cd011db47',
  clientId: '01234567-89ab-cdef-0123-456789abcdef',
  clientSecret: 'a-secret-of-no-account',
}
const signIn = createSignIn(app)

recorded('Azure', {
  responses: join(import.meta.dirname, 'responses'),
  tls: true,
  signIn: (request) => signIn.match(request)?.answer(),
  open: ({ url, caPem }) =>
    openAzure({
      providerId: 'azure-recorded',
      type: 'azure',
      credentials: {
        tenant_id: app.tenantId,
        client_id: app.clientId,
        client_secret: app.clientSecret,
        subscription_id: '11111111-2222-3333-4444-555555555555',
      },
      regions: ['westus'],
      defaultRegion: 'westus',
      endpoints: { management: url, authority: url, prices: url, storage: `${url}/{account}` },
      options: { ca_pem: caPem, resource_group: 'myResourceGroup', poll_ms: 1, consistency_ms: 0 },
      workerId: 'worker-7f3a',
    }),
  cases: [...machineCases, ...serviceCases],
})

import { page, regions, type ArmHandler, type ArmRequest, type Context } from '#test/clouds/azure/context.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { flag, list, object, oneOf, text } from '#test/clouds/azure/schema.ts'

/** What is set about other things: locks, flow logs, diagnostic settings, and the serial console of the subscription. */
export interface Settings {
  /** Bodies by id in lower case. */
  locks: Map<string, { id: string; properties: object }>
  flowLogs: Map<string, { id: string; location: string; properties: object }>
  diagnostics: Map<string, { id: string; properties: object }>
  consoleDisabled: boolean
}

export const createSettings = (): Settings => ({
  locks: new Map(),
  flowLogs: new Map(),
  diagnostics: new Map(),
  consoleDisabled: false,
})

const lockBody = object(
  'ManagementLock',
  {
    properties: object(
      'ManagementLockProperties',
      { level: oneOf('CanNotDelete', 'ReadOnly'), notes: text },
      ['level'],
    ),
  },
  ['properties'],
)

export const putLock: ArmHandler = (context, request) => {
  lockBody(request.body, '')
  const id = `/subscriptions/${context.subscription}/${request.path['scope']}/providers/Microsoft.Authorization/locks/${request.path['lock']}`
  const lock = { id, name: request.path['lock'], ...(request.body as { properties: object }) }
  context.settings.locks.set(id.toLowerCase(), lock)
  return json(201, lock)
}

export const listLocks: ArmHandler = (context, request) =>
  page(context, request, `/subscriptions/${context.subscription}/providers/Microsoft.Authorization/locks`, [
    ...context.settings.locks.values(),
  ])

/** Azure makes a watcher in every region that has a network. */
export const listWatchers: ArmHandler = (context, request) =>
  page(
    context,
    request,
    `/subscriptions/${context.subscription}/providers/Microsoft.Network/networkWatchers`,
    regions.map(({ name }) => ({
      id: watcherId(context, name),
      name: `NetworkWatcher_${name}`,
      type: 'Microsoft.Network/networkWatchers',
      location: name,
      properties: { provisioningState: 'Succeeded' },
    })),
  )

const flowLogBody = object(
  'FlowLog',
  {
    location: text,
    properties: object(
      'FlowLogPropertiesFormat',
      { targetResourceId: text, storageId: text, enabled: flag },
      ['targetResourceId', 'storageId'],
    ),
  },
  ['location', 'properties'],
)

export const putFlowLog: ArmHandler = (context, request) => {
  const region = watchedRegion(request)
  flowLogBody(request.body, '')
  const id = `${watcherId(context, region)}/flowLogs/${request.path['log']}`
  const log = { id, name: request.path['log'], location: region, ...(request.body as { properties: object }) }
  context.settings.flowLogs.set(id.toLowerCase(), log)
  return json(201, log)
}

export const listFlowLogs: ArmHandler = (context, request) => {
  const region = watchedRegion(request)
  const logs = [...context.settings.flowLogs.values()].filter(({ location }) => location === region)
  return page(context, request, `${watcherId(context, region)}/flowLogs`, logs)
}

const diagnosticBody = object(
  'DiagnosticSettings',
  {
    properties: object('DiagnosticSettingsProperties', {
      storageAccountId: text,
      workspaceId: text,
      logs: list(object('LogSettings', { category: text, categoryGroup: text, enabled: flag }, ['enabled'])),
    }),
  },
  ['properties'],
)

export const putDiagnostics: ArmHandler = (context, request) => {
  diagnosticBody(request.body, '')
  const id = `${scopeOf(context, request)}/providers/Microsoft.Insights/diagnosticSettings/${request.path['setting']}`
  const setting = { id, name: request.path['setting'], ...(request.body as { properties: object }) }
  context.settings.diagnostics.set(id.toLowerCase(), setting)
  return json(200, setting)
}

export const listDiagnostics: ArmHandler = (context, request) => {
  const prefix = `${scopeOf(context, request)}/providers/`.toLowerCase()
  const found = [...context.settings.diagnostics].filter(([id]) => id.startsWith(prefix))
  return json(200, { value: found.map(([, setting]) => setting) })
}

export const getConsole: ArmHandler = (context) =>
  json(200, { properties: { disabled: context.settings.consoleDisabled } })

export const disableConsole: ArmHandler = (context) => {
  context.settings.consoleDisabled = true
  return json(200, { disabled: true })
}

const scopeOf = ({ subscription }: Context, { path }: ArmRequest): string =>
  `/subscriptions/${subscription}/${path['scope']}`

const watcherId = ({ subscription }: Context, region: string): string =>
  `/subscriptions/${subscription}/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers/NetworkWatcher_${region}`

function watchedRegion({ path }: ArmRequest): string {
  const region = (path['name'] ?? '').replace('NetworkWatcher_', '')
  if (path['group'] === 'NetworkWatcherRG' && regions.some(({ name }) => name === region)) return region
  throw new Refusal(404, 'ResourceNotFound', `The network watcher '${path['name']}' was not found.`)
}

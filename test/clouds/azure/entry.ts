import type { ArmHandler } from '#test/clouds/azure/context.ts'

/** What a request to Azure Resource Manager is about. */
export interface Route {
  operation: string
  mutating: boolean
  /** Named parts of the path. */
  path: Record<string, string>
  /** The one version of this type that this cloud speaks; '' takes any, for operations in progress. */
  apiVersion: string
  type: string
  handler: ArmHandler
}

/** A row of the table of operations. */
export interface Entry extends Omit<Route, 'path'> {
  method: string
  pattern: RegExp
}

/** An operation at a path below the subscription. Keywords of a path match in any case; `{name}` is one part, `{+name}` any number. */
export function entry(
  operation: string,
  method: string,
  path: string,
  apiVersion: string,
  handler: ArmHandler,
): Entry {
  const pattern = path
    .replaceAll(/[.$]/g, String.raw`\$&`)
    .replaceAll(/\{\+(\w+)\}/g, '(?<$1>.+)')
    .replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')
    .replace(/^/, '/subscriptions/(?<subscription>[^/]+)')
  const type = /providers\/([\w.]+\/\w+)/.exec(path)?.[1] ?? 'subscriptions'
  const mutating = method !== 'GET' && !/(retrieveBootDiagnosticsData|\/query)$/.test(path)
  return { operation, method, pattern: new RegExp(`^${pattern}$`, 'i'), apiVersion, handler, mutating, type }
}

/** The path of a type within a resource group. */
export const inGroup = (type: string): string => `/resourceGroups/{group}/providers/${type}`

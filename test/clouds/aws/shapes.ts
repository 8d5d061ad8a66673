import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'

/** A parameter of a query request: `Filter.1.Value.2=x` is `{ Filter: { 1: { Value: { 2: 'x' } } } }`. */
export type Node = string | { [name: string]: Node }

/** Reads a parameter or refuses it as EC2 does. Undefined in, undefined out, unless `need`ed. */
export type Shape<T> = (node: Node | undefined, path: string) => T

type Fields = Record<string, Shape<unknown>>
type Read<F extends Fields> = { [K in keyof F]: ReturnType<F[K]> }

export function parseQuery(body: string): Record<string, Node> {
  const root: Record<string, Node> = Object.create(null) as Record<string, Node>
  for (const [name, value] of new URLSearchParams(body)) {
    const parts = name.split('.')
    const last = parts.pop() ?? ''
    let at = root
    for (const part of parts) {
      const next = (at[part] ??= Object.create(null) as Record<string, Node>)
      if (typeof next === 'string')
        throw new Refusal('UnknownParameter', `The parameter ${name} is not recognized`)
      at = next
    }
    at[last] = value
  }
  return root
}

/** The parameters of a request: what is not listed is refused. */
export function request<F extends Fields>(fields: F): Shape<Read<F>> {
  return (node, path) => {
    const given = node ?? {}
    if (typeof given === 'string') throw invalidValue(`Unexpected value for ${path}`)
    for (const name of Object.keys(given)) {
      if (!(name in fields))
        throw new Refusal('UnknownParameter', `The parameter ${join(path, name)} is not recognized`)
    }
    return Object.fromEntries(
      Object.entries(fields).map(([name, shape]) => [name, shape(given[name], join(path, name))]),
    ) as Read<F>
  }
}

/** A nested group of parameters. */
export const group = <F extends Fields>(fields: F): Shape<Read<F> | undefined> => optional(request(fields))

export const list =
  <T>(shape: Shape<T>): Shape<NonNullable<T>[]> =>
  (node, path) => {
    if (node === undefined) return []
    if (typeof node === 'string') {
      // An empty list is sent as the bare name.
      if (node === '') return []
      throw invalidValue(`Expected a numbered list for ${path}`)
    }
    const indexes = Object.keys(node)
    const wrong = indexes.find((index) => !/^[1-9]\d*$/.test(index))
    if (wrong !== undefined)
      throw new Refusal('UnknownParameter', `The parameter ${path}.${wrong} is not recognized`)
    return indexes
      .toSorted((a, b) => Number(a) - Number(b))
      .map((index) => shape(node[index], `${path}.${index}`))
      .filter((item): item is NonNullable<typeof item> => item !== undefined && item !== null)
  }

export const need =
  <T>(shape: Shape<T>): Shape<NonNullable<T>> =>
  (node, path) => {
    const value = shape(node, path)
    const missing =
      value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
    if (missing) throw new Refusal('MissingParameter', `The request must contain the parameter ${path}`)
    return value
  }

const scalar = <T>(read: (text: string, path: string) => T): Shape<T | undefined> =>
  optional((node, path) => {
    if (typeof node === 'string') return read(node, path)
    throw invalidValue(`Expected a single value for ${path}`)
  })

export const text = ({ max = 4096, pattern = /^[^]*$/ }: { max?: number; pattern?: RegExp } = {}) =>
  scalar((value, path) => {
    if (value.length <= max && pattern.test(value)) return value
    throw invalidValue(`Value (${value.slice(0, 100)}) for parameter ${path} is invalid`)
  })

export const whole = (min: number, max: number) =>
  scalar((value, path) => {
    const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN
    if (number >= min && number <= max) return number
    throw invalidValue(
      `Value (${value}) for parameter ${path} is invalid. Expecting a whole number from ${min} to ${max}.`,
    )
  })

export const flag = scalar((value, path) => {
  if (value === 'true' || value === 'false') return value === 'true'
  throw invalidValue(`Invalid value '${value}' for ${path}: expected true or false`)
})

export const oneOf = <const V extends string>(...values: V[]) =>
  scalar((value, path) => {
    const found = values.find((each) => each === value)
    if (found !== undefined) return found
    throw invalidValue(
      `Value (${value}) for parameter ${path} is invalid. Valid values: ${values.join(', ')}.`,
    )
  })

/** An id such as `i-0123456789abcdef0`; `what` names it in the vendor's error codes. */
const idOf = (prefix: string, what: string) =>
  scalar((value) => {
    if (new RegExp(`^${prefix}-([0-9a-f]{8}|[0-9a-f]{17})$`).test(value)) return value
    throw new Refusal(`${what}.Malformed`, `Invalid id: "${value}" (expecting "${prefix}-...")`)
  })

export const instanceId = idOf('i', 'InvalidInstanceID')
export const volumeId = idOf('vol', 'InvalidVolumeID')
export const snapshotId = idOf('snap', 'InvalidSnapshotID')
export const imageId = idOf('ami', 'InvalidAMIID')
export const groupId = idOf('sg', 'InvalidGroupId')
export const subnetId = idOf('subnet', 'InvalidSubnetID')
export const vpcId = idOf('vpc', 'InvalidVpcID')
export const gatewayId = idOf('igw', 'InvalidInternetGatewayId')
export const routeTableId = idOf('rtb', 'InvalidRouteTableId')
export const interfaceId = idOf('eni', 'InvalidNetworkInterfaceId')
export const allocationId = idOf('eipalloc', 'InvalidAllocationID')
export const associationId = idOf('eipassoc', 'InvalidAssociationID')

export const filters = list(group({ Name: need(text()), Value: need(list(text())) }))
export const nextToken = text({ max: 1000 })

const tag = group({ Key: need(text({ max: 128 })), Value: text({ max: 256 }) })
export const tagList = list(tag)
export const tagSpecifications = list(group({ ResourceType: need(text()), Tag: tagList }))

function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (node, path) => (node === undefined ? undefined : shape(node, path))
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)

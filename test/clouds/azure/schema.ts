import { Refusal } from '#test/clouds/azure/replies.ts'

/** Checks one value of a request body; refuses as Azure's deserialiser does. `path` is where it stands. */
export type Check = (value: unknown, path: string) => void

/**
 * An object with exactly these members; others are refused, absent ones are fine unless required.
 * `typeName` is Azure's name of the type, which its message shows.
 */
export function object(typeName: string, members: Record<string, Check>, required: string[] = []): Check {
  return (value, path) => {
    if (!isRecord(value)) throw badType(path, 'an object')
    for (const [name, member] of Object.entries(value)) {
      const check = members[name]
      const at = path === '' ? name : `${path}.${name}`
      if (!check) {
        throw new Refusal(
          400,
          'InvalidRequestContent',
          `The request content was invalid and could not be deserialized: 'Could not find member '${name}' on object of type '${typeName}'. Path '${at}'.'.`,
        )
      }
      if (member !== undefined && member !== null) check(member, at)
    }
    for (const name of required) {
      if (value[name] !== undefined && value[name] !== null) continue
      const at = path === '' ? name : `${path}.${name}`
      throw new Refusal(
        400,
        'InvalidParameter',
        `Required parameter '${at.replace('properties.', '')}' is missing (null).`,
        at,
      )
    }
  }
}

export const text: Check = (value, path) => {
  if (typeof value !== 'string') throw badType(path, 'a string')
}

export const flag: Check = (value, path) => {
  if (typeof value !== 'boolean') throw badType(path, 'a boolean')
}

export const number: Check = (value, path) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw badType(path, 'a number')
}

export const whole =
  (least: number, most: number): Check =>
  (value, path) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) throw badType(path, 'an integer')
    if (value < least || value > most) {
      throw new Refusal(
        400,
        'InvalidParameter',
        `The value ${value} of parameter '${path}' is out of range. The value should be between '${least}' and '${most}', inclusive.`,
        path,
      )
    }
  }

/** One of these words, in any case, as Azure takes enumerations. */
export const oneOf =
  (...words: string[]): Check =>
  (value, path) => {
    if (typeof value === 'string' && words.some((word) => word.toLowerCase() === value.toLowerCase())) return
    throw new Refusal(
      400,
      'InvalidParameter',
      `The value '${String(value)}' of parameter '${path}' is not allowed. Allowed values are '${words.join(',')}'.`,
      path,
    )
  }

export const list =
  (check: Check): Check =>
  (value, path) => {
    if (!Array.isArray(value)) throw badType(path, 'an array')
    for (const [index, item] of value.entries()) check(item, `${path}[${index}]`)
  }

export const base64: Check = (value, path) => {
  if (typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value) && value.length % 4 === 0) return
  throw new Refusal(
    400,
    'InvalidParameter',
    `Custom data in ${path} must be in Base64 encoding and with a maximum length of 87380 characters.`,
    path,
  )
}

/** At most 50 tags of 512 and 256 characters. */
export const tags: Check = (value, path) => {
  if (!isRecord(value)) throw badType(path, 'an object')
  const entries = Object.entries(value)
  if (entries.length > 50)
    throw new Refusal(400, 'TooManyTags', 'The resource has more than the 50 tags allowed.')
  for (const [name, tag] of entries) {
    if (typeof tag !== 'string') throw badType(`${path}.${name}`, 'a string')
    if (name.length > 512 || /[<>%&\\?/]/.test(name))
      throw new Refusal(400, 'InvalidTagNameCharacters', `The tag name '${name}' is not allowed.`)
    if (tag.length > 256)
      throw new Refusal(
        400,
        'InvalidTagValueLength',
        `Tag value too large. The value of '${name}' exceeds the maximum of 256 characters.`,
      )
  }
}

export const reference: Check = object('SubResource', { id: text }, ['id'])

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const badType = (path: string, wanted: string): Refusal =>
  new Refusal(
    400,
    'InvalidRequestContent',
    `The request content was invalid and could not be deserialized: Path '${path}' must be ${wanted}.`,
  )

import { z } from 'zod'
import { Refusal } from '#test/clouds/aws/refusal.ts'

export type S3Xml =
  | string
  | number
  | boolean
  | Date
  | undefined
  | readonly S3Xml[]
  | { readonly [element: string]: S3Xml }

/** A document of S3: lists repeat their element, what is undefined is left out. */
export const document = (root: string, body: { readonly [element: string]: S3Xml }): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${write(body)}</${root}>`

export const errorDocument = (code: string, message: string, requestId: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${write({ Code: code, Message: message, RequestId: requestId, HostId: 'loopback' })}</Error>`

/** An element with its children by name, each as often as it is there; or text. */
type Element = string | { [name: string]: Element[] }

/** An element that is there once. */
export const one = <T extends z.ZodType>(shape: T) =>
  z.tuple([shape]).transform(([value]) => value as z.output<T>)
export const maybe = <T extends z.ZodType>(shape: T) => one(shape).optional()
export const many = <T extends z.ZodType>(shape: T) => z.array(shape)
export const element = z.strictObject
export const flag = z.enum(['true', 'false']).transform((value) => value === 'true')
export const whole = z.string().regex(/^\d+$/).transform(Number)

/** Reads the body of a request strictly: an element that is not in `shape`, or is wrong, is MalformedXML. */
export function readXml<T extends z.ZodType>(body: Buffer, root: string, shape: T): z.output<T> {
  const found = parse(body.toString())
  const parsed = found?.name === root ? shape.safeParse(found.content === '' ? {} : found.content) : undefined
  if (parsed?.success) return parsed.data
  const issue = parsed?.error.issues[0]
  throw new Refusal(
    'MalformedXML',
    `The XML you provided was not well-formed or did not validate against our published schema${issue ? `: ${issue.path.join('.')} ${issue.message}` : ''}`,
  )
}

function write(value: S3Xml): string {
  if (value === undefined) return ''
  if (value instanceof Date) return value.toISOString()
  if (typeof value !== 'object') return escape(String(value))
  return Object.entries(value)
    .flatMap(([name, content]) =>
      (Array.isArray(content) ? (content as readonly S3Xml[]) : [content])
        .filter((each) => each !== undefined)
        .map((each) => `<${name}>${write(each)}</${name}>`),
    )
    .join('')
}

const escape = (text: string): string =>
  text.replace(/[<>&"'\r]/g, (character) => `&#${character.charCodeAt(0)};`)

const entities: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

const unescape = (text: string): string =>
  text.replace(
    /&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi,
    (whole_: string, hex?: string, decimal?: string, name: string = '') =>
      hex || decimal
        ? String.fromCodePoint(hex ? Number.parseInt(hex, 16) : Number(decimal))
        : (entities[name] ?? whole_),
  )

/** Enough of XML for what SDKs send: elements, attributes (dropped), text, entities. Undefined if it is not well formed. */
function parse(text: string): { name: string; content: Element } | undefined {
  const open: { name: string; children: { [name: string]: Element[] }; text: string }[] = [
    { name: '', children: {}, text: '' },
  ]
  for (const [token] of text.replace(/<\?[^]*?\?>/g, '').matchAll(/<[^>]*>|[^<]+/g)) {
    const top = open.at(-1)
    if (!top) return undefined
    if (!token.startsWith('<')) {
      top.text += unescape(token)
      continue
    }
    const tag = /^<(?<end>\/?)(?<name>[A-Za-z][\w:.-]*)(?:\s[^>]*?)?(?<empty>\/?)>$/.exec(token)?.groups
    if (!tag) return undefined
    const { end, name = '', empty } = tag
    if (end) {
      if (top.name !== name || open.length < 2) return undefined
      open.pop()
      const parent = open.at(-1)
      const content = Object.keys(top.children).length > 0 ? top.children : top.text.trim()
      if (parent) (parent.children[name] ??= []).push(content)
    } else if (empty) (top.children[name] ??= []).push('')
    else open.push({ name, children: {}, text: '' })
  }
  const [root] = open.length === 1 ? Object.entries(open[0]?.children ?? {}) : []
  return root?.[1][0] === undefined ? undefined : { name: root[0], content: root[1][0] }
}

import { XMLParser } from 'fast-xml-parser'

/** An element, to build or as it was read. `text` is its own text, without that of its children. */
export interface XmlElement {
  name: string
  attributes: Record<string, string>
  children: XmlElement[]
  text: string
}

/** Builds an element: `el('target', { dev: 'vda' })`, `el('name', {}, 'web')`. What is undefined is left out. */
export function el(
  name: string,
  attributes: Record<string, string | number | undefined> = {},
  ...content: (XmlElement | string | undefined)[]
): XmlElement {
  return {
    name,
    attributes: Object.fromEntries(
      Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [[key, `${value}`]])),
    ),
    children: content.filter((each) => typeof each === 'object'),
    text: content.filter((each) => typeof each === 'string').join(''),
  }
}

/** Writes an element with everything escaped. Text comes before the children. */
export function toXml({ name, attributes, children, text }: XmlElement): string {
  const head = [name, ...Object.entries(attributes).map(([key, value]) => `${key}="${escaped(value)}"`)]
  const body = escaped(text) + children.map(toXml).join('')
  return body === '' ? `<${head.join(' ')}/>` : `<${head.join(' ')}>${body}</${name}>`
}

/** Reads a document's root element. Entities other than XML's own five and characters by number are left as they are. @throws Error */
export function parseXml(document: string): XmlElement {
  const root = elementsOf(parser.parse(document) as Ordered[]).children.find(
    ({ name }) => !name.startsWith('?'),
  )
  if (!root) throw new Error('The XML document is empty.')
  return root
}

/** The first element at the end of a path of names. */
export function child(element: XmlElement | undefined, ...path: string[]): XmlElement | undefined {
  return path.reduce<XmlElement | undefined>(
    (at, name) => at?.children.find((each) => each.name === name),
    element,
  )
}

/** All children of that name. */
export const childrenOf = (element: XmlElement | undefined, name: string): XmlElement[] =>
  element?.children.filter((each) => each.name === name) ?? []

/** The text of the first element at the end of a path. */
export const textOf = (element: XmlElement | undefined, ...path: string[]): string | undefined =>
  child(element, ...path)?.text

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: true,
  // Also decodes characters by number.
  htmlEntities: true,
})

/** As the parser gives it: one key is the element's name, `:@` its attributes, `#text` text. */
type Ordered = Record<string, Ordered[] | Record<string, string> | string>

function elementsOf(nodes: Ordered[]): { children: XmlElement[]; text: string } {
  const children: XmlElement[] = []
  let text = ''
  for (const node of nodes) {
    for (const [name, content] of Object.entries(node)) {
      if (name === '#text') text += content as string
      else if (Array.isArray(content))
        children.push({
          name,
          attributes: (node[':@'] ?? {}) as Record<string, string>,
          ...elementsOf(content),
        })
    }
  }
  return { children, text }
}

// What XML 1.0 cannot hold at all would make a reader refuse the whole document.
const escaped = (text: string): string =>
  text
    // oxlint-disable-next-line no-control-regex -- these are the ones to remove
    .replaceAll(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, '')
    .replaceAll(/[&<>"'\n\r\t]/g, (sign) => entities[sign] ?? `&#${sign.codePointAt(0)};`)

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

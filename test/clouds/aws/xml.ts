export type Xml =
  | string
  | number
  | boolean
  | Date
  | undefined
  | readonly Xml[]
  | { readonly [element: string]: Xml }

/** An EC2 reply: elements of lists are called `item`, what is undefined is left out. */
export const replyXml = (
  action: string,
  requestId: string,
  body: { readonly [element: string]: Xml },
): string =>
  `${header}<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>${requestId}</requestId>${write(body)}</${action}Response>`

export const refusalXml = (code: string, message: string, requestId: string): string =>
  `${header}<Response><Errors><Error><Code>${escape(code)}</Code><Message>${escape(message)}</Message></Error></Errors><RequestID>${requestId}</RequestID></Response>`

const header = '<?xml version="1.0" encoding="UTF-8"?>\n'

function write(value: Xml): string {
  if (value === undefined) return ''
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map((item: Xml) => `<item>${write(item)}</item>`).join('')
  if (typeof value === 'object') {
    return Object.entries(value)
      .filter(([, content]) => content !== undefined)
      .map(([element, content]) => `<${element}>${write(content)}</${element}>`)
      .join('')
  }
  return escape(String(value))
}

const escape = (text: string): string =>
  text.replace(/[<>&"'\r]/g, (character) => `&#${character.charCodeAt(0)};`)

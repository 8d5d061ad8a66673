import { Refusal } from '#test/clouds/gcp/refusal.ts'

/** The two parts of a `multipart/related` upload: the object's description and its bytes. */
export function readRelated(
  contentType: string | undefined,
  body: Buffer,
): { metadata: unknown; contentType: string | undefined; data: Buffer } {
  const [, quoted, plain] =
    /^multipart\/related;.*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType ?? '') ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined) throw malformed('the content type names no boundary')
  const delimiter = Buffer.from(`--${boundary}`)
  const first = body.indexOf(delimiter)
  const second = body.indexOf(`\r\n--${boundary}`, first + delimiter.length)
  const last = body.lastIndexOf(`\r\n--${boundary}--`)
  if (first < 0 || second < 0 || last <= second) throw malformed('it has not two parts')
  const description = partOf(body.subarray(first + delimiter.length, second))
  const media = partOf(body.subarray(second + 2 + delimiter.length, last))
  if (!/^application\/json/i.test(description.contentType ?? ''))
    throw malformed('its first part is not JSON')
  try {
    return {
      metadata: JSON.parse(description.data.toString()) as unknown,
      contentType: media.contentType,
      data: media.data,
    }
  } catch {
    throw malformed('its first part is not JSON')
  }
}

function partOf(part: Buffer): { contentType: string | undefined; data: Buffer } {
  const end = part.indexOf('\r\n\r\n')
  if (end < 0) throw malformed('a part has no headers')
  const headers = part.subarray(0, end).toString('latin1')
  return { contentType: /^content-type:\s*(.+?)\s*$/im.exec(headers)?.[1], data: part.subarray(end + 4) }
}

const malformed = (why: string): Refusal =>
  new Refusal(400, 'badContent', `Malformed multipart body: ${why}.`)

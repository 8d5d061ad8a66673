import type { Context } from 'hono'
import { ApiError, invalid } from '#api/http/problem.ts'
import { troubleIn } from '#api/http/text.ts'

/** Larger bodies are refused with 413. */
export const maxBodyBytes = 1024 * 1024

/** A body as it came and as the JSON that it is. `value` is undefined when there is no body. */
export interface JsonBody {
  text: string
  value: unknown
}

/**
 * Reads a JSON body.
 * @throws ApiError 413, 415, 400 `malformed_json`, or 422 for text or numbers that cannot be kept.
 */
export async function readJson(c: Context): Promise<JsonBody> {
  const text = await readText(c)
  if (text === '') return { text, value: undefined }
  const type = c.req.header('content-type') ?? 'none'
  if (!jsonType.test(type))
    throw new ApiError('unsupported_media_type', `The body has the content type ${type.slice(0, 100)}.`, {
      remedy: 'Send JSON with `Content-Type: application/json`.',
      headers: { accept: 'application/json' },
    })
  const value = parse(text)
  const trouble = troubleIn(value)
  if (trouble) throw invalid([trouble])
  return { text, value }
}

const jsonType = /^\s*application\/(json|[\w.+-]+\+json)\s*(;|$)/i

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    // The parser quotes the text around the mistake, and that may be a credential: only the position is passed on.
    const [, position] = /at position (\d+)/.exec(error instanceof Error ? error.message : '') ?? []
    const where = position ? ` (at character ${position})` : ''
    throw new ApiError('malformed_json', `The body cannot be parsed as JSON${where}.`, {
      remedy: 'Check quotes, commas and brackets; the body must be one JSON object.',
    })
  }
}

/** With a stated length the server has already bounded the body; without one it is counted while it is read. */
async function readText(c: Context): Promise<string> {
  const stated = c.req.header('content-length')
  if (stated !== undefined && c.req.header('transfer-encoding') === undefined) {
    if (Number(stated) > maxBodyBytes) throw tooLarge()
    return Number(stated) === 0 ? '' : await c.req.text()
  }
  const stream: ReadableStream<Uint8Array> | null = c.req.raw.body
  if (!stream) return ''
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.byteLength
    if (bytes > maxBodyBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const tooLarge = () =>
  new ApiError('body_too_large', 'The body is larger than 1 MiB.', {
    remedy: 'Send less; large data such as disk images does not go through this API.',
    headers: { connection: 'close' },
  })

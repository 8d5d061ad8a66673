import { randomUUID } from 'node:crypto'
import type { PlainReply } from '#test/clouds/core/server.ts'

/** A request refused in Azure's own words. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly target: string | undefined

  constructor(status: number, code: string, message: string, target?: string) {
    super(message)
    this.name = 'Refusal'
    this.status = status
    this.code = code
    this.target = target
  }
}

export const json = (status: number, body?: unknown, headers: Record<string, string> = {}): PlainReply => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-cache', ...headers },
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
})

/** `{ error: { code, message, target } }`, the form of all of Azure Resource Manager. */
export const armError = (
  { status, code, message, target }: Refusal,
  headers: Record<string, string> = {},
): PlainReply =>
  json(status, { error: { code, message, ...(target === undefined ? {} : { target }) } }, headers)

/** The XML form of the storage services, its code repeated in a header. */
export function blobError(
  { status, code, message }: Refusal,
  headers: Record<string, string> = {},
): PlainReply {
  const requestId = headers['x-ms-request-id'] ?? randomUUID()
  const text = `${message}\nRequestId:${requestId}\nTime:${new Date().toISOString()}`
  return {
    status,
    headers: {
      'content-type': 'application/xml',
      'x-ms-error-code': code,
      'x-ms-version': '2025-11-05',
      ...headers,
    },
    body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${escapeXml(text)}</Message></Error>`,
  }
}

export const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

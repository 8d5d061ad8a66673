/** A JSON answer. It belongs to one tenant, so nothing in between may keep it. */
export const reply = (status: number, body: unknown, headers?: Record<string, string>): Response =>
  replyText(status, status === 204 ? null : JSON.stringify(body), headers)

/** The same for a body that is JSON text already. */
export const replyText = (status: number, text: string | null, headers?: Record<string, string>): Response =>
  new Response(text, {
    status,
    headers: { ...(text === null ? {} : { 'content-type': 'application/json' }), ...baseHeaders, ...headers },
  })

const baseHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

/** The strong validator of something that counts its versions. */
export const etagOf = (version: number): string => `"v${version}"`

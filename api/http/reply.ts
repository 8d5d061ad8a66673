/** A JSON answer. It belongs to one tenant, so nothing in between may keep it. */
export function reply(status: number, body: unknown, headers?: Record<string, string>): Response {
  if (status === 204) return new Response(null, { status, headers: { ...baseHeaders, ...headers } })
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...baseHeaders, ...headers },
  })
}

const baseHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

/** The strong validator of something that counts its versions. */
export const etagOf = (version: number): string => `"v${version}"`

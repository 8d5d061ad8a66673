/** What the API says is wrong, as an error that can be shown. */
export class Problem extends Error {
  constructor(problem) {
    super(problem.detail ?? 'The request failed.')
    this.problem = problem
  }
}

export const base = '/api/multicloud'

/** Asks the API. A session that has ended leads back to the sign-in page. */
export async function api(path, options = {}) {
  const response = await fetch(path.startsWith('/session') ? path : `${base}${path}`, {
    headers: { accept: 'application/json', ...(options.body ? { 'content-type': 'application/json' } : {}) },
    ...options,
  })
  if (response.status === 401) {
    const query = { next: `/console${location.hash}`, problem: 'Your session has ended. Sign in again.' }
    location.assign(`/login?${new URLSearchParams(query)}`)
    return new Promise(() => {})
  }
  if (response.status === 204) return null
  // A proxy in between may answer with a page of its own.
  const body = await response.json().catch(() => ({ detail: `The answer was ${response.status}.` }))
  if (!response.ok) throw new Problem({ status: response.status, ...body })
  return body
}

/**
 * A list of the API, page after page as they are asked for.
 * @param name the member of the answer that holds the list.
 * @returns `load(query)`: the pages so far, with `more` where there is one more; `showMore()`: from now on one more.
 */
export function pagedList(path, name) {
  let pages = 1
  return {
    showMore: () => (pages += 1),
    async load(query = {}) {
      const rows = []
      let cursor = null
      for (let page = 0; page < pages; page++) {
        const wish = new URLSearchParams({ limit: '200', ...query, ...(cursor ? { cursor } : {}) })
        const answer = await api(`${path}?${wish}`)
        rows.push(...answer[name])
        cursor = answer.next_cursor
        if (!cursor) break
      }
      return { rows, more: cursor !== null }
    },
  }
}

export const post = (path, body) =>
  api(path, {
    method: 'POST',
    ...(body ? { body: JSON.stringify(body) } : {}),
    headers: {
      accept: 'application/json',
      'idempotency-key': newKey(),
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
  })

/** `crypto.randomUUID` is only there on https and on the local machine. */
const newKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')

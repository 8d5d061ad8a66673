/** What the API says is wrong, as an error that can be shown. */
export class Problem extends Error {
  constructor(problem) {
    super(problem.detail ?? 'The request failed.')
    this.problem = problem
  }
}

const base = '/api/multicloud'

/** Asks the API. A session that has ended leads back to the sign-in page. */
export async function api(path, options = {}) {
  const response = await fetch(path.startsWith('/session') ? path : `${base}${path}`, {
    headers: { accept: 'application/json', ...(options.body ? { 'content-type': 'application/json' } : {}) },
    ...options,
  })
  if (response.status === 401) {
    location.assign(`/login?next=${encodeURIComponent('/console')}`)
    return new Promise(() => {})
  }
  const body = response.status === 204 ? null : await response.json()
  if (!response.ok) throw new Problem(body)
  return body
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

/**
 * Follows a job's events: first those that there are, then each new one.
 * @returns a function that stops following.
 */
export function follow(jobId, onEvent) {
  const source = new EventSource(`${base}/jobs/${encodeURIComponent(jobId)}/events`)
  for (const type of eventTypes) source.addEventListener(type, (message) => onEvent(JSON.parse(message.data)))
  return () => source.close()
}

/** Server-sent events have names, and each has to be listened for. */
const eventTypes = [
  'progress',
  ...['queued', 'requeued', 'cancel_requested', 'undoing', 'succeeded', 'failed', 'cancelled'].map(
    (end) => `job.${end}`,
  ),
  ...['started', 'succeeded', 'failed', 'retrying', 'handed_back', 'undone'].map((end) => `step.${end}`),
]

/** `crypto.randomUUID` is only there on https and on the local machine. */
const newKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')

import { base } from './api.js'

/**
 * Follows a job's events: first those that there are, then each new one, across broken connections. The stream ends with the job; from then on
 * nothing is asked.
 * @param handlers `onEvent` gets each event; `onLost` is called when the browser gives up, e.g. because a proxy answered with an error.
 * @returns a function that stops following.
 */
export function follow(jobId, { onEvent, onLost }) {
  let isEnding = false
  const source = new EventSource(`${base}/jobs/${encodeURIComponent(jobId)}/events`)
  for (const type of eventTypes)
    source.addEventListener(type, (message) => {
      onEvent(JSON.parse(message.data))
      isEnding = lastTypes.has(type)
    })
  source.addEventListener('error', () => {
    // The server closes the stream behind the last event. A job that was run again has events behind its first end.
    if (isEnding) source.close()
    else if (source.readyState === EventSource.CLOSED) onLost()
  })
  return () => source.close()
}

const lastTypes = new Set(['job.succeeded', 'job.failed', 'job.cancelled'])

/** Server-sent events have names, and each has to be listened for. */
const eventTypes = [
  'progress',
  ...['queued', 'requeued', 'cancel_requested', 'undoing'].map((end) => `job.${end}`),
  ...lastTypes,
  ...['started', 'succeeded', 'failed', 'retrying', 'handed_back', 'undone'].map((end) => `step.${end}`),
]

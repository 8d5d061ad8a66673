/** Bytes as people say them, in powers of 1024. */
export function bytes(count) {
  if (!Number.isFinite(count) || count <= 0) return '0 B'
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.floor(Math.log2(count) / 10))
  const value = count / 1024 ** power
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`
}

/** A span of time: `3.2 s`, `4 min 05 s`, `2 h 10 min`. */
export function span(ms) {
  if (!Number.isFinite(ms) || ms < 0) return ''
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`
}

/** How long ago, or how far ahead. */
export function ago(time) {
  if (!time) return '–'
  const seconds = Math.round((Date.now() - Date.parse(time)) / 1000)
  const distance = Math.abs(seconds)
  const [amount, unit] =
    distance < 5
      ? [0, '']
      : distance < 60
        ? [distance, 's']
        : distance < 3600
          ? [Math.floor(distance / 60), 'min']
          : distance < 86_400
            ? [Math.floor(distance / 3600), 'h']
            : [Math.floor(distance / 86_400), 'd']
  if (amount === 0) return 'just now'
  return seconds >= 0 ? `${amount} ${unit} ago` : `in ${amount} ${unit}`
}

/** A point in time, in full, in the reader's zone, which is named. */
export const moment = (time) =>
  time
    ? new Date(time).toLocaleString(undefined, {
        year: 'numeric',
        month: 'short',
        day: 'numeric',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
        hourCycle: 'h23',
        timeZoneName: 'short',
      })
    : '–'

/** The time of day in the reader's zone; with the day where it is not today's. */
export function clock(time) {
  const at = new Date(time)
  const text = at.toLocaleTimeString(undefined, { hourCycle: 'h23' })
  const isToday = at.toDateString() === new Date().toDateString()
  return isToday ? text : `${at.toLocaleDateString(undefined, { month: 'short', day: 'numeric' })}, ${text}`
}

/** What is left until a time, coarsely since it is an estimate; empty where there is none or it has passed. */
export function left(eta) {
  const ms = eta ? Date.parse(eta) - Date.now() : 0
  if (ms <= 0) return ''
  const seconds = ms / 1000
  if (seconds < 90) return `about ${Math.max(5, Math.round(seconds / 5) * 5)} s left`
  const minutes = Math.round(seconds / 60)
  return minutes < 90 ? `about ${minutes} min left` : `about ${Math.round(minutes / 60)} h left`
}

/** `stop_source` and `migration.cold` as words. */
export const words = (name) => {
  const text = name.replaceAll(/[_.]/g, ' ').replaceAll(/\bvm\b/gi, 'VM')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** What a kind of job is called. */
export const kindName = (kind) =>
  ({
    'provider.check': 'Check provider',
    'provider.sync': 'Sync provider',
    'cloud.read': 'Read from cloud',
    'security_group.set_rules': 'Set rules of security group',
    'bucket.set_lifecycle': 'Set lifecycle of bucket',
    'migration.cold': 'Cold migration',
    'webhook.deliver': 'Deliver webhook',
  })[kind] ?? words(kind.split('.').toReversed().join(' '))

/** An id's telling end. */
export const shortId = (id) =>
  id && id.length > 20 ? `${id.slice(0, id.indexOf('_') + 1)}…${id.slice(-8)}` : (id ?? '–')

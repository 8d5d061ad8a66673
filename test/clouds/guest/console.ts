/** What the guest printed when it booted. */
export interface GuestBoot {
  unique: string
  /** How often the disk was booted, this boot included. */
  boots: number
  /** The guest also wrote the next number to its disk. */
  ready: boolean
}

/** Finds the guest's last marker in a console's text. */
export function readGuestConsole(text: string): GuestBoot | undefined {
  const marker = [...text.matchAll(/NOVACRON GUEST unique=(\S+) boots=(\d{4,})\r?\n/g)].at(-1)
  if (!marker) return undefined
  const [line, unique = '', boots] = marker
  return {
    unique,
    boots: Number(boots),
    ready: text.slice(marker.index + line.length).startsWith('NOVACRON READY'),
  }
}

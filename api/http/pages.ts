import { z } from '@hono/zod-openapi'
import { invalid } from '#api/http/problem.ts'

/** Query parameters of every list. */
export const pageQuery = {
  limit: z
    .string()
    .refine((given) => /^\d{1,3}$/.test(given) && Number(given) >= 1 && Number(given) <= 200, {
      error: 'must be a whole number from 1 to 200',
      params: { remedy: 'Send 200 at most; `next_cursor` of the answer leads to the next page.' },
    })
    .transform(Number)
    .default(50)
    .openapi({ type: 'integer', minimum: 1, maximum: 200, default: 50, description: 'Entries in one page.' }),
  cursor: z
    .string()
    .max(1024)
    .optional()
    .openapi({ description: '`next_cursor` of the page before; with the same filters.' }),
}

/** Members of every list's answer, beside the list itself. */
export const pageMembers = {
  next_cursor: z
    .string()
    .nullable()
    .openapi({ description: 'Where the next page starts; null on the last one.' }),
}

/** The place after an entry in a list ordered by time, newest first, and by id where times are equal. */
export interface Place {
  at: Date
  id: string
}

export const writeCursor = ({ at, id }: Place): string =>
  Buffer.from(JSON.stringify([at.toISOString(), id])).toString('base64url')

/** Reads a cursor of a list by time. @throws ApiError `validation_failed`. */
export function readCursor(cursor: string): Place {
  const [at, id, ...rest] = readParts(cursor)
  if (at === undefined || id === undefined || rest.length > 0 || !timeShape.test(at)) throw notACursor()
  const time = new Date(at)
  if (Number.isNaN(time.getTime())) throw notACursor()
  return { at: time, id }
}

/** A cursor of a list that is ordered by one text. */
export const writeTextCursor = (text: string): string =>
  Buffer.from(JSON.stringify([text])).toString('base64url')

export function readTextCursor(cursor: string): string {
  const [text, ...rest] = readParts(cursor)
  if (text === undefined || rest.length > 0) throw notACursor()
  return text
}

/** Cuts a list that was read one entry too long into its page and the place after it. */
export function pageOf<T>(
  rows: T[],
  limit: number,
  place: (row: T) => string,
): { page: T[]; next: string | null } {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { page, next: rows.length > limit && last !== undefined ? place(last) : null }
}

const timeShape = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

function readParts(cursor: string): string[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    if (Array.isArray(parts) && parts.every(isKeepable)) return parts
  } catch {
    // Falls through: not a cursor.
  }
  throw notACursor()
}

const isKeepable = (part: unknown): part is string =>
  typeof part === 'string' && part.length <= 300 && !part.includes('\u0000') && part.isWellFormed()

const notACursor = () =>
  invalid([
    {
      field: 'query.cursor',
      reason: 'is not a cursor of this list',
      remedy: 'Use `next_cursor` of the page before, unchanged, or leave it out to start anew.',
    },
  ])

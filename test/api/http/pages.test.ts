import { expect, test } from 'vitest'
import { readCursor, readTextCursor, writeCursor, writeTextCursor } from '#api/http/pages.ts'

test('a cursor reads back the place that was written', () => {
  const place = { at: new Date('2026-01-02T03:04:05.678Z'), id: 'vm_1' }
  expect(readCursor(writeCursor(place))).toEqual(place)
  expect(readTextCursor(writeTextCursor('aws-prod'))).toBe('aws-prod')
})

const encode = (text: string) => Buffer.from(text).toString('base64url')

test.each([
  '',
  'x',
  '💥',
  encode('{}'),
  encode('[]'),
  encode('["a"]'),
  encode('["yesterday","vm_1"]'),
  encode('["2026-13-99T00:00:00.000Z","vm_1"]'),
  encode('["2026-01-01T00:00:00.000Z",1]'),
  encode('["2026-01-01T00:00:00.000Z","\\u0000"]'),
  encode('["2026-01-01T00:00:00.000Z","vm_1","more"]'),
  encode(`["2026-01-01T00:00:00.000Z","${'x'.repeat(400)}"]`),
])('the cursor %j is refused', (cursor) => {
  expect(() => readCursor(cursor)).toThrow(expect.objectContaining({ status: 422 }) as Error)
})

test('a cursor of one list is no cursor of another', () => {
  expect(() => readTextCursor(writeCursor({ at: new Date(), id: 'x' }))).toThrow(
    expect.objectContaining({ status: 422 }) as Error,
  )
  expect(() => readCursor(writeTextCursor('x'))).toThrow(expect.objectContaining({ status: 422 }) as Error)
})

/** A small deterministic generator of pseudo-random numbers (mulberry32): a failing case is found again by its seed. */
export function random(seed: number) {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    next,
    below: (limit: number): number => Math.floor(next() * limit),
    pick: <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T,
  }
}

/** JSON values that no field should fall over. */
export const oddValues: readonly unknown[] = [
  null,
  true,
  -1,
  1e308,
  2 ** 53 + 2,
  0.1,
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udfff\ud800',
  '\u202e\u200b',
  "'; drop table jobs; --",
  '${7*7}',
  '../../etc/passwd',
  'x'.repeat(300),
  'x'.repeat(70_000),
  '💥'.repeat(200),
  [],
  [[]],
  [null],
  {},
  { a: { b: { c: {} } } },
  { ['__proto__']: { polluted: true } },
  { constructor: { prototype: { polluted: true } } },
  Array.from({ length: 2000 }, () => 'x'),
]

/** Bodies that are not even JSON, or hardly. */
export const oddBodies: readonly string[] = [
  '{',
  '}',
  'null',
  'true',
  '"text"',
  '[]',
  '1e999',
  '{"a":1e999}',
  '{"a":"\\u0000"}',
  '{"a":"\\ud800"}',
  '{"\\u0000":1}',
  '{"__proto__":{"x":1}}',
  "{'a':1}",
  '{"a":1,}',
  '{"a":NaN}',
  '\u0000',
  '\ufeff{}',
  'name=x&region=y',
  '<xml/>',
  '['.repeat(50_000),
  `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
  `{"a":"${'x'.repeat(1_100_000)}"}`,
  `[${'0,'.repeat(600_000)}0]`,
]

/** Ids that are nobody's, well formed or not. */
export const oddIds: readonly string[] = [
  'nothing',
  'job_00000000-0000-7000-8000-000000000000',
  'vm_',
  '%00',
  'a%00b',
  '%ff%fe',
  '%',
  '%zz',
  '%ED%A0%80',
  '..%2f..%2fetc',
  "'%20or%201=1--",
  '1%3B%20drop%20table%20jobs',
  '%F0%9F%92%A5',
  'x'.repeat(256),
  'x'.repeat(4000),
  '%0d%0aSet-Cookie:%20a=b',
  'true',
  '-1',
  'constructor',
]

/** Query values that are good for no parameter of ours but a few harmless filters. */
export const oddQueryValues: readonly string[] = [
  '%00',
  'a%00b',
  '%ED%A0%80',
  '-1',
  '0',
  '201',
  '1e3',
  '9'.repeat(30),
  'NaN',
  '[]',
  'x'.repeat(2000),
  'WyJ4Il0',
  'bm90IGpzb24',
  Buffer.from('["2026-99-99T00:00:00.000Z","x"]').toString('base64url'),
  Buffer.from('["2026-01-01T00:00:00.000Z","\\u0000"]').toString('base64url'),
  Buffer.from('{"a":1}').toString('base64url'),
]

export const oddHeaders: readonly Record<string, string>[] = [
  { 'content-type': 'text/plain' },
  { 'content-type': 'application/xml' },
  { 'content-type': 'multipart/form-data; boundary=x' },
  { 'content-type': 'application/json; charset=utf-16' },
  { 'content-type': 'x'.repeat(500) },
  { 'idempotency-key': 'x'.repeat(300) },
  { 'idempotency-key': 'a b' },
  { 'if-match': 'nonsense' },
  { 'if-match': '"v999"' },
  { 'if-match': '"' },
  { prefer: 'wait=abc' },
  { prefer: 'wait=-1, x' },
  { prefer: ';;;==,,,' },
  { 'last-event-id': '-1' },
  { 'last-event-id': '9'.repeat(40) },
  { accept: 'image/png' },
  { accept: '\u00ff' },
]

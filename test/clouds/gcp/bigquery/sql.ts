import { Refusal } from '#test/clouds/gcp/refusal.ts'

/**
 * The part of BigQuery's standard SQL that cost queries are made of: one table, a range of time, paths into records, a few functions, sums and
 * groups. Anything else is a syntax error, in BigQuery's words.
 */
export type Expression =
  | { kind: 'path'; path: string[]; at: number }
  | { kind: 'number'; value: bigint }
  | { kind: 'call'; name: 'IFNULL' | 'SUM' | 'TO_JSON_STRING' | 'TIMESTAMP_TRUNC'; args: Expression[] }
  | { kind: 'cast'; of: Expression; type: 'NUMERIC' | 'STRING' }
  | { kind: 'unnest'; select: Expression; from: Expression; as: string }

export interface Query {
  items: { expression: Expression; name: string }[]
  table: string
  conditions: { column: string; operator: '>=' | '<'; parameter: string }[]
  /** Numbers of items, from 1. */
  groupBy: number[]
  orderBy: number[]
}

export function parseSql(sql: string): Query {
  const tokens = tokenise(sql)
  let next = 0
  const peek = () => tokens[next]?.text.toUpperCase()
  const fail = (wanted: string): never => {
    const token = tokens[next]
    throw new Refusal(
      400,
      'invalidQuery',
      `Syntax error: Expected ${wanted} but got ${token ? `"${token.text}"` : 'end of script'} at [1:${(token?.at ?? sql.length) + 1}]`,
    )
  }
  const take = (wanted: string) => (peek() === wanted ? tokens[next++] : fail(`"${wanted}"`))
  const taken = (wanted: string): boolean => peek() === wanted && next++ >= 0
  const word = (): { text: string; at: number } => {
    const token = tokens[next]
    if (!token || !/^[a-z_]\w*$/i.test(token.text)) return fail('an identifier')
    next += 1
    return token
  }
  const list = <T>(one: () => T): T[] => {
    const all = [one()]
    while (taken(',')) all.push(one())
    return all
  }

  const expression = (): Expression => {
    const token = tokens[next]
    const text = peek() ?? ''
    if (/^\d+$/.test(text)) return (next++, { kind: 'number', value: BigInt(text) * scale })
    if (taken('(')) {
      take('SELECT')
      const select = expression()
      take('FROM')
      take('UNNEST')
      take('(')
      const from = expression()
      take(')')
      take('AS')
      const as = word().text
      take(')')
      return { kind: 'unnest', select, from, as }
    }
    if (tokens[next + 1]?.text === '(') return call(text)
    const path = [word().text]
    while (taken('.')) path.push(word().text)
    return { kind: 'path', path, at: token?.at ?? 0 }
  }
  const call = (name: string): Expression => {
    next += 2
    if (name === 'CAST') {
      const of = expression()
      take('AS')
      const type = word().text.toUpperCase()
      take(')')
      return type === 'NUMERIC' || type === 'STRING' ? { kind: 'cast', of, type } : fail('a type')
    }
    const args = list(expression)
    take(')')
    if (name === 'IFNULL' || name === 'SUM' || name === 'TO_JSON_STRING' || name === 'TIMESTAMP_TRUNC')
      return { kind: 'call', name, args }
    throw new Refusal(400, 'invalidQuery', `Function not found: ${name}`)
  }
  const condition = (): Query['conditions'][number] => {
    const column = word().text
    const operator = taken('>=') ? '>=' : taken('<') ? '<' : fail('a comparison')
    take('@')
    return { column, operator, parameter: word().text }
  }
  const ordinal = () => (/^\d+$/.test(peek() ?? '') ? Number(tokens[next++]?.text) : fail('a number'))

  take('SELECT')
  const items = list(() => {
    const of = expression()
    take('AS')
    return { expression: of, name: word().text }
  })
  take('FROM')
  const table = tokens[next++]?.text ?? ''
  if (!table.startsWith('`')) fail('a table')
  take('WHERE')
  const conditions = [condition()]
  while (taken('AND')) conditions.push(condition())
  take('GROUP')
  take('BY')
  const groupBy = list(ordinal)
  const orderBy = taken('ORDER') && take('BY') ? list(ordinal) : []
  if (next < tokens.length) fail('end of input')
  return { items, table: table.slice(1, -1), conditions, groupBy, orderBy }
}

/** NUMERIC has nine digits after the point. */
export const scale = 1_000_000_000n

function tokenise(sql: string): { text: string; at: number }[] {
  const found = [...sql.matchAll(/\s+|(`[^`]+`|[A-Za-z_]\w*|\d+|>=|[(),.@<])|./gs)]
  return found.flatMap(({ 0: whole, 1: text, index }) => {
    if (text !== undefined) return [{ text, at: index }]
    if (/^\s+$/.test(whole)) return []
    throw new Refusal(
      400,
      'invalidQuery',
      `Syntax error: Illegal input character "${whole}" at [1:${index + 1}]`,
    )
  })
}

import { scale, type Expression, type Query } from '#test/clouds/gcp/bigquery/sql.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'

/** NUMERIC is a bigint in billionths, FLOAT64 a number, TIMESTAMP a Date, STRING a string, null is null; records and arrays are themselves. */
export type Value =
  | bigint
  | number
  | Date
  | string
  | null
  | readonly unknown[]
  | Readonly<Record<string, unknown>>
export type Record_ = Readonly<Record<string, unknown>>

/** Runs a query over rows: filter, group, sum, order. @throws Refusal 400 `invalidQuery` for columns that are not there. */
export function runQuery(
  query: Query,
  rows: readonly Record_[],
  example: Record_,
  parameters: ReadonlyMap<string, Date>,
): Value[][] {
  for (const { expression } of query.items) evaluate(expression, [example], example)
  const wanted = rows.filter((row) =>
    query.conditions.every(({ column, operator, parameter }) => {
      const [value, bound] = [valueAt(row, [column], 0), parameters.get(parameter)]
      if (bound === undefined) throw bad(`Query parameter '${parameter}' not found`)
      if (!(value instanceof Date))
        throw bad(`No matching signature for operator ${operator} for argument types`)
      return operator === '>=' ? value >= bound : value < bound
    }),
  )
  const groups = Map.groupBy(wanted, (row) => {
    const keys = query.groupBy.map((number) => {
      const item = query.items[number - 1]
      if (!item) throw bad(`GROUP BY column position ${number} is out of range`)
      return textOf(evaluate(item.expression, [row], row))
    })
    return JSON.stringify(keys)
  })
  const results = [...groups.values()].map((group) => {
    const [first = example] = group
    return query.items.map(({ expression }) => evaluate(expression, group, first))
  })
  const [by = 1] = query.orderBy
  return results.toSorted((a, b) =>
    (textOf(a[by - 1] ?? null) ?? '').localeCompare(textOf(b[by - 1] ?? null) ?? ''),
  )
}

/** As BigQuery sends a value: all as text, timestamps in microseconds. */
export function textOf(value: Value): string | null {
  if (value === null) return null
  if (value instanceof Date) return String(value.getTime() * 1000)
  if (typeof value === 'bigint') return decimal(value)
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** `group` are the rows that aggregates go over, `row` the one that everything else is read of. */
function evaluate(expression: Expression, group: readonly Record_[], row: Record_): Value {
  switch (expression.kind) {
    case 'number':
      return expression.value
    case 'path':
      return valueAt(row, expression.path, expression.at)
    case 'cast': {
      const value = evaluate(expression.of, group, row)
      if (value === null) return null
      if (expression.type === 'STRING') return textOf(value)
      return numeric(value)
    }
    case 'unnest': {
      const items = evaluate(expression.from, group, row)
      if (!Array.isArray(items)) throw bad('Values referenced in UNNEST must be arrays')
      const inner = items.map((item: unknown) => ({ ...row, [expression.as]: item }))
      return evaluate(expression.select, inner, { ...row, [expression.as]: { amount: null } })
    }
    default:
      return called(expression, group, row)
  }
}

function called(
  { name, args }: Extract<Expression, { kind: 'call' }>,
  group: readonly Record_[],
  row: Record_,
): Value {
  const [first, second] = args
  if (!first) throw bad(`No matching signature for function ${name} with no arguments`)
  switch (name) {
    case 'IFNULL':
      return evaluate(first, group, row) ?? (second ? evaluate(second, group, row) : null)
    case 'TO_JSON_STRING':
      return JSON.stringify(evaluate(first, group, row))
    case 'TIMESTAMP_TRUNC': {
      const at = evaluate(first, group, row)
      if (!(at instanceof Date) || second?.kind !== 'path' || second.path[0] !== 'DAY')
        throw bad('No matching signature for function TIMESTAMP_TRUNC')
      return new Date(Math.floor(at.getTime() / 86_400_000) * 86_400_000)
    }
    default: {
      const values = group.map((one) => evaluate(first, [one], one)).filter((value) => value !== null)
      return values.length === 0 ? null : values.reduce<bigint>((sum, value) => sum + numeric(value), 0n)
    }
  }
}

function valueAt(row: Record_, path: readonly string[], at: number): Value {
  let value: unknown = row
  for (const name of path) {
    if (value === null) return null
    if (typeof value !== 'object' || value === undefined || !(name in value))
      throw bad(`Unrecognized name: ${path.join('.')} at [1:${at + 1}]`)
    value = (value as Record_)[name]
  }
  return value as Value
}

const numeric = (value: Value): bigint => {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return BigInt(Math.round(value * Number(scale)))
  throw bad(`Invalid cast to NUMERIC`)
}

function decimal(value: bigint): string {
  const digits = (value < 0n ? -value : value).toString().padStart(10, '0')
  const fraction = digits.slice(-9).replace(/0+$/, '')
  return `${value < 0n ? '-' : ''}${digits.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`}`
}

const bad = (message: string): Refusal => new Refusal(400, 'invalidQuery', message)

/**
 * Records of a CSV text (RFC 4180: quotes, doubled quotes, line breaks in quotes) that comes in pieces, by the names in its first line.
 * Memory holds a record at a time.
 */
export async function* readCsv(pieces: AsyncIterable<string>): AsyncGenerator<Record<string, string>> {
  let names: string[] | undefined
  for await (const fields of lines(pieces)) {
    if (names === undefined) names = fields
    else if (fields.length > 1 || fields[0] !== '')
      yield Object.fromEntries(names.map((name, index) => [name, fields[index] ?? '']))
  }
}

async function* lines(pieces: AsyncIterable<string>): AsyncGenerator<string[]> {
  let fields: string[] = []
  let field = ''
  let quoted = false
  let wasQuote = false
  let any = false
  for await (const piece of pieces) {
    for (const character of piece) {
      any = true
      if (quoted && !wasQuote) {
        if (character === '"') wasQuote = true
        else field += character
        continue
      }
      if (wasQuote && character === '"') {
        field += '"'
        wasQuote = false
        continue
      }
      if (wasQuote) {
        quoted = false
        wasQuote = false
      }
      if (character === '"' && field === '') quoted = true
      else if (character === ',') {
        fields.push(field)
        field = ''
      } else if (character === '\n') {
        yield [...fields, field]
        fields = []
        field = ''
        any = false
      } else if (character !== '\r') field += character
    }
  }
  if (any) yield [...fields, field]
}

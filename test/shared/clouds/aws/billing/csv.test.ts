import { expect, test } from 'vitest'
import { readCsv } from '#shared/clouds/aws/billing/csv.ts'

async function* inPieces(text: string, length: number) {
  for (let at = 0; at < text.length; at += length) yield await Promise.resolve(text.slice(at, at + length))
}

const text = 'a,b,c\r\n1,"two, ""quoted""",3\r\n,"line\nbreak",\r\n"","",last'

test.for([1, 2, 3, 7, 1000])('records are the same in pieces of %i characters', async (length) => {
  expect(await Array.fromAsync(readCsv(inPieces(text, length)))).toEqual([
    { a: '1', b: 'two, "quoted"', c: '3' },
    { a: '', b: 'line\nbreak', c: '' },
    { a: '', b: '', c: 'last' },
  ])
})

test('a short record has empty fields, and an empty line is none', async () => {
  expect(await Array.fromAsync(readCsv(inPieces('a,b\nx\n\ny,z\n', 4)))).toEqual([
    { a: 'x', b: '' },
    { a: 'y', b: 'z' },
  ])
})

import { RE2JS } from 're2js'

/**
 * Compiles a user's regular expression (RE2 syntax: no look-around, no back-references), which takes time linear in the text whatever the
 * expression, so that nobody's pattern can hold a worker up.
 * @returns whether a text contains a match; undefined if it is not an expression.
 */
export function compilePattern(expression: string): ((text: string) => boolean) | undefined {
  try {
    const compiled = RE2JS.compile(expression)
    return (text) => compiled.matcher(text).find()
  } catch {
    return undefined
  }
}

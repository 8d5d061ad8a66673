import type { Answer } from '#test/api/harness.ts'
import { conforms, type Document } from '#test/api/conforms.ts'

/**
 * Where an answer differs from what the OpenAPI document promises for it; empty if it does not.
 * @param path as it was requested, without the query.
 */
export function brokenPromises(document: Document, method: string, path: string, answer: Answer): string[] {
  const where = `${method} ${path} ${answer.status}`
  const templates = Object.keys(document.paths).filter((one) => patternOf(one).test(path))
  // A path without parameters goes before one that has them.
  const template = templates.toSorted((a, b) => a.split('{').length - b.split('{').length)[0]
  const response = document.paths[template ?? '']?.[method.toLowerCase()]?.responses[String(answer.status)]
  const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
  const schema = response?.content?.[type]?.schema
  if (!schema) return [`${where} ${type} is not documented`]
  return conforms(document, schema, answer.body).map((fault) => `${where} ${fault}`)
}

const patternOf = (template: string): RegExp => new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`)

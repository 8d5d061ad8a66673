import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { child, childrenOf, el, parseXml, textOf, toXml } from '#shared/clouds/onprem/libvirt/xml.ts'

describe('libvirt XML', () => {
  test('whatever text goes in comes out again, in attributes and in content', () => {
    const text = fc
      .string({ unit: 'grapheme' })
      // oxlint-disable-next-line no-control-regex -- what XML cannot hold
      .filter((each) => each === each.trim() && !/[\u0000-\u001F\uFFFE\uFFFF\uD800-\uDFFF]/u.test(each))
    fc.assert(
      fc.property(text, text, (inside, attribute) => {
        const read = parseXml(toXml(el('a', { b: attribute }, el('c', {}, inside))))
        expect(read.attributes['b'] ?? '').toBe(attribute)
        expect(textOf(read, 'c')).toBe(inside)
      }),
    )
  })

  test('a name cannot break out of its element', () => {
    const read = parseXml(toXml(el('domain', {}, el('name', {}, `x</name><os/>&amp;"'`))))
    expect(read.children.map(({ name }) => name)).toEqual(['name'])
    expect(textOf(read, 'name')).toBe(`x</name><os/>&amp;"'`)
  })

  test('numbers stay text, order and repetition are kept, entities of a document type are not followed', () => {
    const read = parseXml(`<?xml version="1.0"?><d><m u='1'>007</m><m u='2'>1e3</m><n/></d>`)
    expect(childrenOf(read, 'm').map(({ text, attributes }) => [text, attributes['u']])).toEqual([
      ['007', '1'],
      ['1e3', '2'],
    ])
    expect(child(read, 'n')).toEqual({ name: 'n', attributes: {}, children: [], text: '' })
    expect(child(read, 'n', 'x')).toBeUndefined()
    expect(() =>
      textOf(parseXml(`<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]><d>&e;</d>`)),
    ).toThrow(/entit/i)
  })
})

/**
 * Makes an element: `h('a.link', { href: '/', onclick }, 'text', [more])`. `style` is an object, set through the style sheet
 * interface since the page's policy forbids style attributes. Falsy children are left out.
 */
export function h(selector, props = {}, ...children) {
  const [tag, ...classes] = selector.split('.')
  const element = document.createElement(tag || 'div')
  if (classes.length > 0) element.className = classes.join(' ')
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue
    if (name === 'style')
      for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text)
    else if (name.startsWith('on')) element[name] = value
    else if (name === 'class') element.className = `${element.className} ${value}`.trim()
    else element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children.flat(3).filter((child) => child || child === 0))
  return element
}

/** Shows `fresh` in the place of `shown`, touching only what differs: focus, selection, scroll and running transitions stay. */
export function morph(shown, fresh) {
  if (
    shown.nodeType !== fresh.nodeType ||
    shown.nodeName !== fresh.nodeName ||
    shown.dataset?.key !== fresh.dataset?.key
  ) {
    shown.replaceWith(fresh)
    return fresh
  }
  if (shown.nodeType === Node.TEXT_NODE) {
    if (shown.data !== fresh.data) shown.data = fresh.data
    return shown
  }
  morphAttributes(shown, fresh)
  const before = [...shown.childNodes]
  for (const [index, child] of [...fresh.childNodes].entries()) {
    if (before[index]) morph(before[index], child)
    else shown.append(child)
  }
  for (const extra of before.slice(fresh.childNodes.length)) extra.remove()
  return shown
}

/** `style` goes its own way below; whether a fold is open is its reader's. */
const keptAttributes = new Set(['style', 'open'])

function morphAttributes(shown, fresh) {
  for (const name of shown.getAttributeNames())
    if (!keptAttributes.has(name) && !fresh.hasAttribute(name)) shown.removeAttribute(name)
  for (const { name, value } of fresh.attributes)
    if (name !== 'style' && shown.getAttribute(name) !== value) shown.setAttribute(name, value)
  if (shown.style.cssText !== fresh.style.cssText) shown.style.cssText = fresh.style.cssText
  for (const handler of ['onclick', 'onsubmit', 'oninput', 'onchange'])
    if (shown[handler] !== fresh[handler]) shown[handler] = fresh[handler]
}

/** A line icon by name, in the colour of the text. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  for (const [key, value] of Object.entries(iconLook)) svg.setAttribute(key, value)
  svg.classList.add('icon')
  for (const d of icons[name] ?? []) {
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
    path.setAttribute('d', d)
    svg.append(path)
  }
  return svg
}

const iconLook = {
  viewBox: '0 0 24 24',
  fill: 'none',
  stroke: 'currentColor',
  'stroke-width': '1.8',
  'stroke-linecap': 'round',
  'stroke-linejoin': 'round',
  'aria-hidden': 'true',
}

const icons = {
  overview: ['M3 12a9 9 0 1 1 18 0', 'M12 12l4-4', 'M5 17h14'],
  server: ['M4 5h16v6H4z', 'M4 13h16v6H4z', 'M8 8h.01', 'M8 16h.01'],
  move: ['M4 8h14', 'M14 4l4 4-4 4', 'M20 16H6', 'M10 12l-4 4 4 4'],
  layers: ['M12 4l9 5-9 5-9-5z', 'M3 13l9 5 9-5'],
  jobs: ['M9 6h11', 'M9 12h11', 'M9 18h11', 'M4 6h.01', 'M4 12h.01', 'M4 18h.01'],
  cloud: ['M7 18a4.5 4.5 0 1 1 .9-8.9A5.5 5.5 0 0 1 18.4 10.6 3.8 3.8 0 0 1 18 18z'],
  book: ['M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3z', 'M5 17a3 3 0 0 1 3-3h11'],
  board: ['M4 4h7v9H4z', 'M13 4h7v5h-7z', 'M13 11h7v9h-7z', 'M4 15h7v5H4z'],
  theme: ['M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z'],
  leave: ['M10 4H5v16h5', 'M15 8l4 4-4 4', 'M19 12H9'],
  check: ['M5 12.5l4.5 4.5L19 7.5'],
  cross: ['M6 6l12 12', 'M18 6L6 18'],
  clock: ['M12 7v5l3 2', 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z'],
  skip: ['M6 12h12'],
  undo: ['M9 7L4 12l5 5', 'M4 12h10a5 5 0 0 1 0 10h-1'],
  retry: ['M20 11a8 8 0 1 0-2.3 6.3', 'M20 5v6h-6'],
  play: ['M7 5l12 7-12 7z'],
  pause: ['M8 5v14', 'M16 5v14'],
  stop: ['M6 6h12v12H6z'],
  arrow: ['M5 12h14', 'M13 6l6 6-6 6'],
  warning: ['M12 4l9 16H3z', 'M12 10v4', 'M12 17h.01'],
  shield: ['M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z', 'M9 12l2 2 4-4'],
}

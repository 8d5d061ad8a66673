import { h, icon } from './dom.js'

/** The column on the left: where one can go, and who is signed in. */
export function drawSide(session, path) {
  const entry = (href, name, label) =>
    h(
      'a',
      {
        href: `#${href}`,
        'aria-current': (href === '/' ? path === '/' : path.startsWith(href)) ? 'page' : undefined,
      },
      icon(name),
      label,
    )
  const outside = (href, name, label) => h('a', { href }, icon(name), label)
  const tool = (name, label, onclick) =>
    h('button.plain', { title: label, 'aria-label': label, onclick }, icon(name))
  document.querySelector('#side').replaceChildren(
    h('a.brand', { href: '#/' }, h('img', { src: '/assets/logo.svg', alt: '' }), 'NovaCron'),
    h(
      'nav',
      { 'aria-label': 'Console' },
      entry('/', 'overview', 'Overview'),
      entry('/vms', 'server', 'VMs'),
      entry('/resources', 'layers', 'Resources'),
      entry('/migrations', 'move', 'Migrations'),
      entry('/jobs', 'jobs', 'Jobs'),
      entry('/providers', 'cloud', 'Providers'),
    ),
    h('div.label', {}, 'Tools'),
    h(
      'nav',
      { 'aria-label': 'Tools' },
      outside('/docs', 'book', 'API reference'),
      session.permissions.includes('board:view') ? outside('/board', 'board', 'Queue board') : '',
    ),
    h(
      'div.who',
      {},
      h(
        'div',
        { title: `${session.subject} of ${session.tenant}: ${session.roles.join(', ')}` },
        h('b', {}, session.tenant),
        h('span', {}, `${session.subject} · ${session.roles.join(', ')}`),
      ),
      tool('theme', 'Light or dark', () => globalThis.toggleTheme()),
      h('form', { method: 'post', action: '/logout' }, tool('leave', 'Sign out')),
    ),
  )
}

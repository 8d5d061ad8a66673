/** Fills in where to go next, says why a sign-in failed, and takes a token that came in the address after `#token=`. */
const query = new URLSearchParams(location.search)
const field = (id) => document.querySelector(`#${id}`)

field('next').value = query.get('next') ?? '/console'
const problem = query.get('problem')
if (problem) {
  field('problem').textContent = problem
  field('problem').hidden = false
}

// What follows # never reaches a server or its log.
const token = new URLSearchParams(location.hash.slice(1)).get('token')
if (token) {
  history.replaceState(null, '', location.pathname + location.search)
  field('token').value = token
  field('form').submit()
}

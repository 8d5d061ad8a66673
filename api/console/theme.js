/** Runs before the page is drawn: the theme that was chosen here before, else the one of the system. */
const media = matchMedia('(prefers-color-scheme: dark)')
const kept = () => localStorage.getItem('novacron-theme')

function apply() {
  document.documentElement.dataset.theme = kept() ?? (media.matches ? 'dark' : 'light')
}

globalThis.toggleTheme = () => {
  localStorage.setItem('novacron-theme', document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark')
  apply()
}
media.addEventListener('change', apply)
apply()

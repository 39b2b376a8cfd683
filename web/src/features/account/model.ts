/** What the contract asks of names and passwords, and where a log-in leads. Pure. */

export const PASSWORD_BYTES_MIN = 8
export const PASSWORD_BYTES_MAX = 128

export type NameFault = 'missing' | 'short' | 'long' | 'letters'
export type PasswordFault = 'missing' | 'short' | 'long'

/** 3–32 of letters without accents, digits, `_`, `.`, `-`. */
export function nameFault(name: string): NameFault | null {
  if (name === '') return 'missing'
  if (!/^[A-Za-z0-9_.-]+$/.test(name)) return 'letters'
  if (name.length < 3) return 'short'
  return name.length > 32 ? 'long' : null
}

/** Passwords are counted in bytes, as the server does: an emoji is four. */
export function newPasswordFault(password: string): PasswordFault | null {
  if (password === '') return 'missing'
  const bytes = new TextEncoder().encode(password).length
  if (bytes < PASSWORD_BYTES_MIN) return 'short'
  return bytes > PASSWORD_BYTES_MAX ? 'long' : null
}

const HOME = '/'

/**
 * Where to go after the log-in: a path of this site, and nothing that a browser could read as another one. Log-in and registration lead
 * nowhere, so they count as none.
 */
export function safePath(to: string | null, origin: string): string {
  if (to === null || !to.startsWith('/') || /^\/[/\\]/.test(to) || /[\p{Cc}\\]/u.test(to)) return HOME
  try {
    const url = new URL(to, origin)
    if (url.origin !== origin || url.pathname.startsWith('//')) return HOME
    if (url.pathname === '/login' || url.pathname === '/register') return HOME
    return url.pathname + url.search + url.hash
  } catch {
    return HOME
  }
}

/** Link to the other of log-in and registration, with the same way back. */
export function withWayBack(path: '/login' | '/register', to: string): string {
  return to === HOME ? path : `${path}?to=${encodeURIComponent(to)}`
}

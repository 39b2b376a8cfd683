/**
 * Who is signed in in this browser, as far as pages can know: the session itself is a cookie that no script sees. Who was never signed in is
 * not asked about, so that a first visit costs nothing and shows no 401. A number, not a secret.
 */
const KEY = 'minishop.signed_in'
const SOMEBODY = '1' // signed in, and it is not known who
const USER = 'user:'
const listeners = new Set<() => void>()

function tell(): void {
  for (const listener of listeners) listener()
}

function read(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}

export const sessionHint = {
  isSet(): boolean {
    const value = read()
    return value !== null && (value === SOMEBODY || value.startsWith(USER))
  },
  /** null: nobody, or not known who. */
  userId(): string | null {
    const value = read()
    return value?.startsWith(USER) ? value.slice(USER.length) : null
  },
  set(userId?: string): void {
    try {
      localStorage.setItem(KEY, userId === undefined ? SOMEBODY : USER + userId)
    } catch {
      // no storage: this tab asks at its next start only
    }
    tell()
  },
  clear(): void {
    try {
      localStorage.removeItem(KEY)
    } catch {
      // nothing was kept
    }
    tell()
  },
  /** Other tabs' log-ins and log-outs come as storage events; a page that was frozen meanwhile has none, and looks when it is shown again. */
  subscribe(listener: () => void): () => void {
    const onStorage = (event: StorageEvent): void => {
      if (event.key === KEY || event.key === null) listener()
    }
    listeners.add(listener)
    window.addEventListener('storage', onStorage)
    window.addEventListener('pageshow', listener)
    document.addEventListener('visibilitychange', listener)
    return () => {
      listeners.delete(listener)
      window.removeEventListener('storage', onStorage)
      window.removeEventListener('pageshow', listener)
      document.removeEventListener('visibilitychange', listener)
    }
  },
}

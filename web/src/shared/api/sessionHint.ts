/**
 * Whether this browser has somebody signed in, as far as pages can know: the session itself is a cookie that no script sees. Who was never
 * signed in is not asked about, so that a first visit costs nothing and shows no 401. Not a secret.
 */
const KEY = 'minishop.signed_in'
const listeners = new Set<() => void>()

function tell(): void {
  for (const listener of listeners) listener()
}

export const sessionHint = {
  isSet(): boolean {
    try {
      return localStorage.getItem(KEY) === '1'
    } catch {
      return false
    }
  },
  set(): void {
    try {
      localStorage.setItem(KEY, '1')
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
  /** Other tabs' log-ins and log-outs come as storage events. */
  subscribe(listener: () => void): () => void {
    const onStorage = (event: StorageEvent): void => {
      if (event.key === KEY || event.key === null) listener()
    }
    listeners.add(listener)
    window.addEventListener('storage', onStorage)
    return () => {
      listeners.delete(listener)
      window.removeEventListener('storage', onStorage)
    }
  },
}

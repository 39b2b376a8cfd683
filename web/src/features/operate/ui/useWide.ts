import { useSyncExternalStore } from 'react'

const WIDE = '(min-width: 48rem)'

function media(): MediaQueryList | null {
  return typeof window.matchMedia === 'function' ? window.matchMedia(WIDE) : null
}

function subscribe(listener: () => void): () => void {
  const list = media()
  list?.addEventListener('change', listener)
  return () => list?.removeEventListener('change', listener)
}

/** True where a table has room. Also false at 200 % zoom on a small screen. */
export function useWide(): boolean {
  return useSyncExternalStore(subscribe, () => media()?.matches ?? true)
}

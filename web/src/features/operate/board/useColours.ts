import { useTheme } from '@/shared/lib/theme'
import { useSyncExternalStore } from 'react'

const DARK = '(prefers-color-scheme: dark)'

function media(): MediaQueryList | null {
  return typeof window.matchMedia === 'function' ? window.matchMedia(DARK) : null
}

function subscribe(listener: () => void): () => void {
  const list = media()
  list?.addEventListener('change', listener)
  return () => list?.removeEventListener('change', listener)
}

/** Names the colours in force: a canvas does not follow the tokens by itself. */
export function useColours(): string {
  const { theme } = useTheme()
  const isDark = useSyncExternalStore(subscribe, () => media()?.matches ?? false)
  return theme === 'system' ? (isDark ? 'dark' : 'light') : theme
}

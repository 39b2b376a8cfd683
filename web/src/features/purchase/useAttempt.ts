import type { User } from '@/shared/api/types'
import { newKey } from '@/shared/lib/keys'
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { nothing, type Attempt } from './model'
import { attemptDriver } from './registry'

export interface AttemptHandle {
  attempt: Attempt
  /** False until the disk was read; a tap before that would not know of an attempt that is under way. */
  isReady: boolean
  /** The session ended under an attempt that this page saw. */
  isInterrupted: boolean
  tap: (quantity: number) => void
  retry: () => void
  dismiss: () => void
  /** Asks for the won order's present status. Ends with ms until it may be asked again; null = no use. */
  refresh: () => Promise<number | null>
}

/** The shopper's attempt in a sale; nothing for nobody. */
export function useAttempt(saleId: string, user: User | null): AttemptHandle {
  const userId = user?.user_id ?? null
  const driver = useMemo(() => (userId ? attemptDriver(userId, saleId) : null), [userId, saleId])
  useEffect(() => void driver?.read(true), [driver])
  const subscribe = useCallback(
    (listener: () => void) => driver?.subscribe(listener) ?? (() => undefined),
    [driver],
  )
  const attempt = useSyncExternalStore(subscribe, () => driver?.attempt ?? nothing)
  const isReady = useSyncExternalStore(subscribe, () => driver?.isLoaded ?? true)
  const [wasSignedOut, setWasSignedOut] = useState(false)
  if (attempt.phase.name === 'signin' && !wasSignedOut) setWasSignedOut(true)
  if (userId && attempt.phase.name !== 'signin' && attempt.phase.name !== 'asking' && wasSignedOut)
    setWasSignedOut(false)
  return {
    attempt,
    isReady,
    isInterrupted: !userId && wasSignedOut,
    tap: (quantity) => {
      if (!userId) return
      const intent = { key: newKey('buy'), saleId, userId, quantity, startedAtMs: Date.now() }
      void driver?.tap(intent)
    },
    retry: () => void driver?.retry(),
    dismiss: () => void driver?.dismiss(),
    refresh: useCallback(() => driver?.refresh() ?? Promise.resolve(null), [driver]),
  }
}

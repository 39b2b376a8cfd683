import { Spinner } from '@/shared/ui/Button'
import type { ReactNode } from 'react'
import { Link } from 'react-router'

const shape =
  'flex min-h-16 w-full items-center justify-center gap-3 rounded-lg px-5 py-3 text-center font-display text-xl font-bold no-underline'
const armed = 'bg-signal text-on-signal hover:brightness-110 active:translate-y-px'
const asleep = 'cursor-not-allowed bg-sunken text-muted'

/**
 * The one thing to do. Asleep it keeps its place, its size and the focus, so that who waits on it with a finger on Enter buys in the
 * moment it is armed.
 */
export function BuyButton({
  isArmed,
  isBusy,
  describedBy,
  onBuy,
  children,
}: {
  isArmed: boolean
  isBusy: boolean
  describedBy: string
  onBuy: () => void
  children: ReactNode
}) {
  const isReady = isArmed && !isBusy
  return (
    <button
      type="button"
      data-testid="buy"
      aria-disabled={!isReady || undefined}
      aria-busy={isBusy || undefined}
      aria-describedby={describedBy}
      className={`${shape} ${isReady ? armed : asleep}`}
      onClick={() => isReady && onBuy()}
    >
      {isBusy && <Spinner />}
      {children}
    </button>
  )
}

export function LogInButton({
  saleId,
  describedBy,
  children,
}: {
  saleId: string
  describedBy: string
  children: ReactNode
}) {
  return (
    <Link
      to={`/login?to=${encodeURIComponent(`/sales/${saleId}`)}`}
      aria-describedby={describedBy}
      className={`${shape} ${armed}`}
    >
      {children}
    </Link>
  )
}

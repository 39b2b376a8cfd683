import { Spinner } from '@/shared/ui/Button'
import { forwardRef, useRef, type KeyboardEvent, type ReactNode } from 'react'
import { Link } from 'react-router'

const shape =
  'flex min-h-16 w-full items-center justify-center gap-3 rounded-lg px-5 py-3 text-center font-display text-xl font-bold no-underline'
const armed = 'bg-signal text-on-signal hover:brightness-110 active:translate-y-px'
const asleep = 'cursor-not-allowed bg-sunken text-muted'

interface BuyButtonProps {
  isArmed: boolean
  isBusy: boolean
  describedBy: string
  onBuy: () => void
  children: ReactNode
}

/**
 * The one thing to do. Asleep it keeps its place, its size and the focus, so that who waits on it with a finger on Enter buys in the
 * moment it is armed. A key that is held down buys once.
 */
export const BuyButton = forwardRef<HTMLButtonElement, BuyButtonProps>(function BuyButton(
  { isArmed, isBusy, describedBy, onBuy, children },
  ref,
) {
  const isReady = isArmed && !isBusy
  // Pressed on this button, and nothing bought since: a key held down from elsewhere, or from the last attempt, says nothing.
  const isPressAnew = useRef(false)
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!event.repeat) isPressAnew.current = true
    else if (!isPressAnew.current) event.preventDefault()
  }
  return (
    <button
      ref={ref}
      type="button"
      data-testid="buy"
      aria-disabled={!isReady || undefined}
      aria-busy={isBusy || undefined}
      aria-describedby={describedBy}
      className={`${shape} ${isReady ? armed : asleep}`}
      onKeyDown={onKeyDown}
      onBlur={() => (isPressAnew.current = false)}
      onClick={() => {
        if (!isReady) return
        isPressAnew.current = false
        onBuy()
      }}
    >
      {isBusy && <Spinner />}
      {children}
    </button>
  )
})

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

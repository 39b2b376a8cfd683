import type { ButtonHTMLAttributes, ReactNode } from 'react'
import { Link } from 'react-router'

type Tone = 'primary' | 'quiet' | 'danger'

const shape =
  'inline-flex min-h-11 items-center justify-center gap-2 rounded-lg px-4 py-2 text-base font-semibold no-underline transition-colors'
const tones: Record<Tone, string> = {
  primary: 'bg-signal text-on-signal hover:brightness-110 disabled:bg-sunken disabled:text-muted',
  quiet: 'border border-edge bg-card text-ink hover:bg-sunken disabled:text-muted',
  danger: 'border border-bad bg-card text-bad hover:bg-bad-soft disabled:border-edge disabled:text-muted',
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  tone?: Tone
  /** Shown as waiting: stays focusable, does nothing. */
  isBusy?: boolean
  children: ReactNode
}

export function Button({
  tone = 'quiet',
  isBusy = false,
  className = '',
  onClick,
  type = 'button',
  children,
  ...rest
}: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      aria-disabled={isBusy || undefined}
      aria-busy={isBusy || undefined}
      onClick={(event) => {
        if (isBusy) event.preventDefault()
        else onClick?.(event)
      }}
      className={`${shape} ${tones[tone]} ${isBusy ? 'opacity-80' : ''} ${className}`}
    >
      {isBusy && <Spinner />}
      {children}
    </button>
  )
}

export function ButtonLink({
  to,
  tone = 'quiet',
  className = '',
  children,
}: {
  to: string
  tone?: Tone
  className?: string
  children: ReactNode
}) {
  return (
    <Link to={to} className={`${shape} ${tones[tone]} ${className}`}>
      {children}
    </Link>
  )
}

export function Spinner() {
  return (
    <span
      aria-hidden="true"
      className="inline-block size-4 animate-spin rounded-full border-2 border-current border-r-transparent"
    />
  )
}

import type { ReactNode } from 'react'

export type NoticeTone = 'info' | 'good' | 'warn' | 'bad'

const tones: Record<NoticeTone, string> = {
  info: 'bg-info-soft text-info',
  good: 'bg-good-soft text-good',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
}

/** A message in its place on the page. `isLive`: read out when it appears. */
export function Notice({
  tone = 'info',
  title,
  isLive = false,
  children,
}: {
  tone?: NoticeTone
  title?: string
  isLive?: boolean
  children?: ReactNode
}) {
  return (
    <div
      role={isLive ? (tone === 'bad' ? 'alert' : 'status') : undefined}
      className={`rounded-lg px-4 py-3 ${tones[tone]}`}
    >
      {title && <p className="font-display text-lg font-semibold">{title}</p>}
      {children && <div className="text-ink">{children}</div>}
    </div>
  )
}

export function Badge({ tone = 'info', children }: { tone?: NoticeTone | 'plain'; children: ReactNode }) {
  const look = tone === 'plain' ? 'bg-sunken text-muted' : tones[tone]
  return (
    <span className={`inline-flex items-center rounded-full px-2.5 py-0.5 text-sm font-semibold ${look}`}>
      {children}
    </span>
  )
}

import { countdownText, passedMark } from '@/shared/lib/countdown'
import { nowMs, useServerClock } from '@/shared/lib/serverClockStore'
import type { TFunction } from 'i18next'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'

const CALM_LOOK_MS = 200

/**
 * Time left until `untilMs` by the server's clock. Writes its text itself, frame by frame: nothing else on the page is rendered. Readers hear
 * marks (minutes, 30 s, 10 s, now) if `isSpoken`; who wants less motion sees whole seconds. `data-days` stands on it while days are left, for
 * who has no room for them.
 */
export function Countdown({
  untilMs,
  mode = 'calm',
  isSpoken = false,
  className = '',
}: {
  untilMs: number
  mode?: 'precise' | 'calm'
  isSpoken?: boolean
  className?: string
}) {
  const { t } = useTranslation()
  const face = useRef<HTMLSpanElement>(null)
  const main = useRef<HTMLSpanElement>(null)
  const rest = useRef<HTMLSpanElement>(null)
  const spoken = useRef<HTMLSpanElement>(null)
  useEffect(() => {
    const isCalm = mode === 'calm' || matchMedia('(prefers-reduced-motion: reduce)').matches
    let beforeMs = Number.NEGATIVE_INFINITY
    const write = (): void => {
      if (!useServerClock.getState().estimate) return
      const leftMs = untilMs - nowMs()
      const text = countdownText(leftMs, isCalm ? 'calm' : 'precise')
      const days = text.days > 0 ? `${t('countdown.days', { count: text.days })} ` : ''
      face.current?.toggleAttribute('data-days', text.days > 0)
      setText(main.current, days + text.clock)
      setText(rest.current, text.rest)
      const mark = passedMark(beforeMs, leftMs)
      beforeMs = leftMs
      if (mark !== null && spoken.current) spoken.current.textContent = markText(t, mark)
    }
    write()
    return isCalm ? everyLook(write) : everyFrame(write)
  }, [untilMs, mode, t])
  return (
    <span ref={face} className={className}>
      <span aria-hidden="true" className="figures whitespace-nowrap">
        <span ref={main}>{PLACEHOLDER}</span>
        <span ref={rest} className="text-[0.55em] text-muted">
          {mode === 'precise' ? PLACEHOLDER_REST : ''}
        </span>
      </span>
      {isSpoken && <span ref={spoken} className="sr-only" aria-live="polite" />}
    </span>
  )
}

const PLACEHOLDER = '––:––:––'
const PLACEHOLDER_REST = '.–––'

function setText(element: HTMLElement | null, text: string): void {
  if (element && element.textContent !== text) element.textContent = text
}

function everyLook(write: () => void): () => void {
  const timer = window.setInterval(write, CALM_LOOK_MS)
  return () => window.clearInterval(timer)
}

function everyFrame(write: () => void): () => void {
  let frame = 0
  const next = (): void => {
    write()
    frame = requestAnimationFrame(next)
  }
  frame = requestAnimationFrame(next)
  return () => cancelAnimationFrame(frame)
}

function markText(t: TFunction, markMs: number): string {
  if (markMs === 0) return t('countdown.now')
  if (markMs < 60_000) return t('countdown.seconds', { count: markMs / 1000 })
  return t('countdown.minutes', { count: markMs / 60_000 })
}

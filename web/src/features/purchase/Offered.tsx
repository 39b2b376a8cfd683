import { Button } from '@/shared/ui/Button'
import { Notice } from '@/shared/ui/Notice'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { useSecondsLeft } from './useSecondsLeft'

/** Nothing is held, and the tap is too long ago to send it again unasked. */
export function Offered({
  notBeforeMs,
  takesFocus,
  onRetry,
  onDrop,
}: {
  notBeforeMs: number
  /** The button that was tapped is gone. */
  takesFocus: boolean
  onRetry: () => void
  onDrop: () => void
}) {
  const { t } = useTranslation('purchase')
  const seconds = useSecondsLeft(notBeforeMs)
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (takesFocus) box.current?.focus({ preventScroll: true })
  }, [takesFocus])
  return (
    <div ref={box} tabIndex={-1} role="group" aria-label={t('offered.title')} className="rounded-lg">
      <Notice tone="warn" title={t('offered.title')}>
        <p>{t('offered.text')}</p>
        <div className="mt-3 flex flex-wrap gap-2">
          <Button tone="primary" disabled={seconds > 0} onClick={onRetry}>
            {seconds > 0 ? t('offered.inSeconds', { seconds }) : t('offered.retry')}
          </Button>
          <Button onClick={onDrop}>{t('offered.drop')}</Button>
        </div>
      </Notice>
    </div>
  )
}

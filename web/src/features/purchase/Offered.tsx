import { Button } from '@/shared/ui/Button'
import { Notice } from '@/shared/ui/Notice'
import { useTranslation } from 'react-i18next'
import { useSecondsLeft } from './useSecondsLeft'

/** Nothing is held, and the tap is too long ago to send it again unasked. */
export function Offered({
  notBeforeMs,
  onRetry,
  onDrop,
}: {
  notBeforeMs: number
  onRetry: () => void
  onDrop: () => void
}) {
  const { t } = useTranslation('purchase')
  const seconds = useSecondsLeft(notBeforeMs)
  return (
    <Notice tone="warn" title={t('offered.title')}>
      <p>{t('offered.text')}</p>
      <div className="mt-3 flex flex-wrap gap-2">
        <Button tone="primary" disabled={seconds > 0} onClick={onRetry}>
          {seconds > 0 ? t('offered.inSeconds', { seconds }) : t('offered.retry')}
        </Button>
        <Button onClick={onDrop}>{t('offered.drop')}</Button>
      </div>
    </Notice>
  )
}

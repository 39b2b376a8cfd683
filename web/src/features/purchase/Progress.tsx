import { useOnline } from '@/shared/lib/useOnline'
import { Notice } from '@/shared/ui/Notice'
import { useTranslation } from 'react-i18next'
import type { Phase } from './model'
import { useSecondsLeft } from './useSecondsLeft'
import { progressText, waitText } from './words'

/** An attempt under way: where it is, and when something happens next. */
export function Progress({ phase }: { phase: Phase }) {
  const { t } = useTranslation('purchase')
  const isOnline = useOnline()
  if (phase.name === 'waiting') {
    const { title, text } = waitText(t, phase, isOnline)
    return (
      <Notice tone="warn" title={title}>
        <p>{text}</p>
        <Again untilMs={phase.untilMs} />
        <p className="mt-1 text-sm text-muted">{t('progress.safe')}</p>
      </Notice>
    )
  }
  return <Notice>{progressText(t, phase)}</Notice>
}

function Again({ untilMs }: { untilMs: number }) {
  const { t } = useTranslation('purchase')
  const seconds = useSecondsLeft(untilMs)
  return (
    <p className="figures mt-1 font-semibold">
      {seconds > 0 ? t('progress.inSeconds', { seconds }) : t('progress.soon')}
    </p>
  )
}

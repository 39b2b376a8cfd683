import { ButtonLink } from '@/shared/ui/Button'
import { Notice } from '@/shared/ui/Notice'
import { useTranslation } from 'react-i18next'
import { isUnderWay } from './model'
import { Offered } from './Offered'
import { Progress } from './Progress'
import { Refused } from './Refused'
import type { AttemptHandle } from './useAttempt'
import { WonTicket } from './WonTicket'

/** What became of the attempt, or where it is. */
export function Outcome({
  handle,
  saleId,
  hasTapped,
  onAnew,
}: {
  handle: AttemptHandle
  saleId: string
  hasTapped: boolean
  onAnew: () => void
}) {
  const { attempt, isInterrupted, dismiss, retry, refresh } = handle
  const { phase } = attempt
  if (isInterrupted || phase.name === 'signin') return <SignIn saleId={saleId} />
  if (isUnderWay(attempt)) return <Progress phase={phase} />
  switch (phase.name) {
    case 'won':
      return (
        <WonTicket purchase={phase.purchase} takesFocus={hasTapped} onDismiss={dismiss} onLate={refresh} />
      )
    case 'refused':
      return <Refused refusal={phase.refusal} onDismiss={dismiss} onAnew={onAnew} />
    case 'offered':
      return (
        <Offered notBeforeMs={phase.notBeforeMs} takesFocus={hasTapped} onRetry={retry} onDrop={dismiss} />
      )
    default:
      return null
  }
}

function SignIn({ saleId }: { saleId: string }) {
  const { t } = useTranslation('purchase')
  return (
    <Notice tone="warn" title={t('signin.title')} isLive>
      <p>{t('signin.text')}</p>
      <ButtonLink to={`/login?to=${encodeURIComponent(`/sales/${saleId}`)}`} tone="primary" className="mt-3">
        {t('signin.action')}
      </ButtonLink>
    </Notice>
  )
}

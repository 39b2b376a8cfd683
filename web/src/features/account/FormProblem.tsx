import type { ApiError } from '@/shared/api/error'
import { Notice } from '@/shared/ui/Notice'
import { problemText } from '@/shared/ui/Problem'
import { useTranslation } from 'react-i18next'

/** Why the form did not go through. The queue for checking passwords gets its own words: it is long only when a sale opens. */
export function FormProblem({ error, special }: { error: ApiError | null; special?: string | null }) {
  const { t } = useTranslation('account')
  const { t: common } = useTranslation()
  if (!error) return null
  const isQueue = error.code === 'busy' || error.code === 'draining'
  return (
    <Notice tone={isQueue ? 'warn' : 'bad'} isLive>
      <p>{special ?? (isQueue ? t('problem.queue') : problemText(common, error))}</p>
    </Notice>
  )
}

import { ApiError, isWorthARetry } from '@/shared/api/error'
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import { Button } from './Button'
import { Notice } from './Notice'

/** What went wrong and what to do next, in the reader's language. */
export function problemText(t: TFunction, error: ApiError): string {
  const seconds = Math.max(1, Math.ceil((error.retryAfterMs ?? 1000) / 1000))
  const request = error.problem?.request_id ?? ''
  if (error.kind !== 'problem')
    return error.status === 404 ? t('problem.notFound') : t(`problem.${error.kind}`)
  switch (error.code) {
    case 'unauthenticated':
    case 'token_expired':
      return t('problem.unauthenticated')
    case 'forbidden':
      return t('problem.forbidden')
    case 'rate_limited':
      return t('problem.rateLimited', { seconds })
    case 'busy':
    case 'draining':
      return t('problem.busy', { seconds })
    case 'dependency_unavailable':
    case 'recovering':
      return t('problem.unavailable', { seconds })
    case 'invalid_field':
      return t('problem.invalid', { detail: error.problem?.detail ?? '' })
    case 'not_found':
    case 'unknown_sale':
      return t('problem.notFound')
    default:
      return error.status === 404 ? t('problem.notFound') : t('problem.internal', { request })
  }
}

/** The answer to a page's main question did not come. */
export function ProblemNotice({
  error,
  onRetry,
  isAskedAgain = false,
}: {
  error: ApiError
  onRetry?: () => void
  /** The page asks again by itself. */
  isAskedAgain?: boolean
}) {
  const { t } = useTranslation()
  return (
    <Notice tone="bad" title={t('problem.title')} isLive>
      <p>
        {problemText(t, error)} {isAskedAgain && isWorthARetry(error) && t('problem.byItself')}
      </p>
      {error.problem && (
        <p className="mt-1 text-sm text-muted">
          {t('problem.reference', { request: error.problem.request_id })}
        </p>
      )}
      {onRetry && (
        <Button className="mt-3" onClick={onRetry}>
          {t('action.retry')}
        </Button>
      )}
    </Notice>
  )
}

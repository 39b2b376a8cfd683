import { ApiError } from '@/shared/api/error'
import { Button } from '@/shared/ui/Button'
import { Notice } from '@/shared/ui/Notice'
import { Loading } from '@/shared/ui/Page'
import { ProblemNotice } from '@/shared/ui/Problem'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'

interface Paged {
  isPending: boolean
  error: ApiError | null
  hasNextPage: boolean
  isFetchingNextPage: boolean
  fetchNextPage: () => Promise<unknown>
  refetch: () => Promise<unknown>
  data: unknown
}

/** Waiting, failed, or there; and the way to older pages. */
export function Pages({ query, children }: { query: Paged; children: ReactNode }) {
  const { t } = useTranslation()
  if (query.isPending) return <Loading />
  if (query.data === undefined && query.error)
    return <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />
  return (
    <>
      <Stale error={query.error} />
      {children}
      {query.hasNextPage && (
        <div className="mt-4 text-center">
          <Button isBusy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t('action.more')}
          </Button>
        </div>
      )}
    </>
  )
}

/** What is shown is of before: the last answer was a failure. */
export function Stale({ error }: { error: ApiError | null }) {
  const { t } = useTranslation('operate')
  if (!error) return null
  return (
    <div className="mb-4">
      <Notice tone="warn" isLive>
        {t('stale')}
      </Notice>
    </div>
  )
}

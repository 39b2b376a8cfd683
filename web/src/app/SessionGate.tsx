import { useSession } from '@/shared/api/session'
import type { User } from '@/shared/api/types'
import { Notice } from '@/shared/ui/Notice'
import { Loading } from '@/shared/ui/Page'
import { ProblemNotice } from '@/shared/ui/Problem'
import { useTranslation } from 'react-i18next'
import { Navigate, Outlet, useLocation } from 'react-router'

/** Pages for somebody who is signed in, or signed in as an operator. Who is not goes to the log-in and comes back. */
export function SessionGate({ needs = 'shopper' }: { needs?: User['role'] }) {
  const { t } = useTranslation()
  const { user, isPending, error, retry } = useSession()
  const location = useLocation()
  if (isPending)
    return (
      <div className="mx-auto max-w-6xl px-4 py-10">
        <Loading />
      </div>
    )
  if (error)
    return (
      <div className="mx-auto max-w-6xl px-4 py-10">
        <ProblemNotice error={error} onRetry={retry} />
      </div>
    )
  if (!user)
    return <Navigate to={`/login?to=${encodeURIComponent(location.pathname + location.search)}`} replace />
  if (needs === 'operator' && user.role !== 'operator')
    return (
      <div className="mx-auto max-w-6xl px-4 py-10">
        <Notice tone="bad" isLive>
          {t('problem.forbidden')}
        </Notice>
      </div>
    )
  return <Outlet />
}

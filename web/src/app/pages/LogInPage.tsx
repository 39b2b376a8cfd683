import { loadLaterTexts } from '@/shared/i18n'
import { AccountTicket } from '@/features/account/AccountTicket'
import { LogInForm } from '@/features/account/LogInForm'
import { safePath, withWayBack } from '@/features/account/model'
import { useSession } from '@/shared/api/session'
import { Page } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'
import { Link, Navigate, useNavigate, useSearchParams } from 'react-router'
import { AccountStub } from './AccountStub'

await loadLaterTexts()

export default function LogInPage() {
  const { t } = useTranslation('account')
  const { user } = useSession()
  const navigate = useNavigate()
  const [search] = useSearchParams()
  const to = safePath(search.get('to'), location.origin)
  if (user) return <Navigate to={to} replace />
  return (
    <Page title={t('logIn.title')} lead={t('logIn.lead')}>
      <AccountTicket stub={<AccountStub />}>
        <LogInForm onDone={() => void navigate(to, { replace: true })} />
        <p className="mt-6">
          {t('logIn.other')}{' '}
          <Link to={withWayBack('/register', to)} className="font-semibold underline">
            {t('logIn.otherLink')}
          </Link>
        </p>
      </AccountTicket>
    </Page>
  )
}

import { loadLaterTexts } from '@/shared/i18n'
import { AccountTicket } from '@/features/account/AccountTicket'
import { safePath, withWayBack } from '@/features/account/model'
import { RegisterForm } from '@/features/account/RegisterForm'
import { useSession } from '@/shared/api/session'
import { Page } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'
import { Link, Navigate, useNavigate, useSearchParams } from 'react-router'
import { AccountStub } from './AccountStub'

await loadLaterTexts()

export default function RegisterPage() {
  const { t } = useTranslation('account')
  const { user } = useSession()
  const navigate = useNavigate()
  const [search] = useSearchParams()
  const to = safePath(search.get('to'), location.origin)
  const logIn = withWayBack('/login', to)
  if (user) return <Navigate to={to} replace />
  return (
    <Page title={t('register.title')} lead={t('register.lead')}>
      <AccountTicket stub={<AccountStub />}>
        <RegisterForm
          onDone={() => void navigate(to, { replace: true })}
          onMade={() => void navigate(logIn, { replace: true })}
        />
        <p className="mt-6">
          {t('register.other')}{' '}
          <Link to={logIn} className="font-semibold underline">
            {t('register.otherLink')}
          </Link>
        </p>
      </AccountTicket>
    </Page>
  )
}

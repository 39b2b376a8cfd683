import { loadLaterTexts } from '@/shared/i18n'
import { LogOutButton } from '@/features/account/LogOutButton'
import { PasswordForm } from '@/features/account/PasswordForm'
import { useSession } from '@/shared/api/session'
import { Page, Panel } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'

await loadLaterTexts()

export default function AccountPage() {
  const { t } = useTranslation('account')
  const { user } = useSession()
  if (!user) return null
  return (
    <Page title={t('account.title')}>
      <div className="grid max-w-3xl gap-6">
        <section className="ticket flex flex-wrap items-center justify-between gap-4 p-5 sm:p-6">
          <div>
            <p className="text-muted">{t('account.who')}</p>
            <p className="font-display text-2xl font-semibold">{user.username}</p>
          </div>
          <p className="rounded-full bg-sunken px-3 py-1 text-sm font-semibold text-muted">
            {t(`account.role.${user.role}`)}
          </p>
        </section>
        <Panel title={t('change.title')}>
          <p className="mb-5 text-muted">{t('change.lead')}</p>
          <PasswordForm username={user.username} />
        </Panel>
        <Panel title={t('logOut.title')}>
          <p className="mb-4 text-muted">{t('logOut.text')}</p>
          <LogOutButton />
        </Panel>
      </div>
    </Page>
  )
}

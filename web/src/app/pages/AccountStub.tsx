import { Stub } from '@/features/account/AccountTicket'
import { useTranslation } from 'react-i18next'

/** What an account is good for, beside both forms. */
export function AccountStub() {
  const { t } = useTranslation('account')
  return <Stub title={t('stub.title')} points={[t('stub.one'), t('stub.two'), t('stub.three')]} />
}

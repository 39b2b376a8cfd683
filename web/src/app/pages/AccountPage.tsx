import { Page } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'

export default function AccountPage() {
  const { t } = useTranslation()
  return <Page title={t('nav.sales')}>{null}</Page>
}

import { Page } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'

export default function OrderPage() {
  const { t } = useTranslation()
  return <Page title={t('nav.sales')}>{null}</Page>
}

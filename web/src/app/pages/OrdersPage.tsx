import { loadLaterTexts } from '@/shared/i18n'
import { OrderList } from '@/features/orders/OrderList'
import { Page } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'

await loadLaterTexts()

export default function OrdersPage() {
  const { t } = useTranslation('orders')
  return (
    <Page title={t('list.title')} lead={t('list.lead')}>
      <OrderList />
    </Page>
  )
}

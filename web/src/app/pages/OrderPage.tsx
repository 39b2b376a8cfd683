import { loadLaterTexts } from '@/shared/i18n'
import { OrderDetail } from '@/features/orders/OrderDetail'
import { ButtonLink } from '@/shared/ui/Button'
import { Page } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'
import { useParams } from 'react-router'

await loadLaterTexts()

export default function OrderPage() {
  const { t } = useTranslation('orders')
  const { orderId = '' } = useParams()
  return (
    <Page title={t('detail.title')} actions={<ButtonLink to="/orders">{t('detail.all')}</ButtonLink>}>
      <OrderDetail key={orderId} orderId={orderId} />
    </Page>
  )
}

import { useFirstLoadError } from '@/shared/api/firstLoad'
import { useOnline } from '@/shared/lib/useOnline'
import { ButtonLink } from '@/shared/ui/Button'
import { Empty, Loading } from '@/shared/ui/Page'
import { ProblemNotice } from '@/shared/ui/Problem'
import { useTranslation } from 'react-i18next'
import { useOrder } from './api/getOrder'
import { usePayment } from './api/payOrder'
import { CancelOrder } from './CancelOrder'
import { LastKnown } from './LastKnown'
import { isOpen, isPayable } from './model'
import { OrderTicket } from './OrderTicket'
import { PayBox } from './PayBox'
import { PaymentList } from './PaymentList'
import { Timeline } from './Timeline'
import { useNow } from './useNow'

export function OrderDetail({ orderId }: { orderId: string }) {
  const { t } = useTranslation('orders')
  const isOnline = useOnline()
  const query = useOrder(orderId)
  const error = useFirstLoadError(query)
  const payment = usePayment(orderId)
  const order = query.data
  const now = useNow(order !== undefined && isOpen(order))
  if (query.error?.status === 404)
    return (
      <Empty title={t('missing.title')}>
        <p className="mb-4">{t('missing.text')}</p>
        <ButtonLink to="/orders">{t('missing.link')}</ButtonLink>
      </Empty>
    )
  if (!order) {
    if (error) return <ProblemNotice error={error} onRetry={() => void query.refetch()} isAskedAgain />
    return <Loading rows={2} className="h-64" />
  }
  // A payment under way keeps its place, so that nothing jumps while it is sent.
  const isPaying = isPayable(order, now) || (isOpen(order) && (payment.isPending || payment.error !== null))
  return (
    <>
      {(!isOnline || query.error) && <LastKnown atMs={query.dataUpdatedAt} />}
      <div className="grid gap-6 lg:grid-cols-[3fr_2fr] lg:items-start">
        <div className="grid gap-6">
          <OrderTicket order={order} nowMs={now} />
          {isPaying && <PayBox order={order} payment={payment} isOnline={isOnline} nowMs={now} />}
          <div>
            <CancelOrder order={order} isOnline={isOnline} />
          </div>
        </div>
        <div className="grid gap-6">
          <Timeline order={order} />
          <PaymentList order={order} />
        </div>
      </div>
    </>
  )
}

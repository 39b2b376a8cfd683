import { useFirstLoadError } from '@/shared/api/firstLoad'
import { useOnline } from '@/shared/lib/useOnline'
import { Button, ButtonLink } from '@/shared/ui/Button'
import { Empty, Loading } from '@/shared/ui/Page'
import { ProblemNotice } from '@/shared/ui/Problem'
import { useTranslation } from 'react-i18next'
import { useOrders } from './api/listOrders'
import { LastKnown } from './LastKnown'
import { isOpen } from './model'
import { OrderRow } from './OrderRow'
import { useNow } from './useNow'

export function OrderList() {
  const { t } = useTranslation('orders')
  const { t: common } = useTranslation()
  const isOnline = useOnline()
  const orders = useOrders()
  const error = useFirstLoadError(orders)
  const all = orders.data?.pages.flatMap((page) => page.orders) ?? []
  const now = useNow(all.some(isOpen))
  if (!orders.data) {
    if (error) return <ProblemNotice error={error} onRetry={() => void orders.refetch()} isAskedAgain />
    return <Loading className="h-28" />
  }
  return (
    <>
      {(!isOnline || orders.error) && <LastKnown atMs={orders.dataUpdatedAt} />}
      {all.length === 0 ? (
        <Empty title={t('empty.title')}>
          <p className="mb-4">{t('empty.text')}</p>
          <ButtonLink to="/" tone="primary">
            {t('empty.link')}
          </ButtonLink>
        </Empty>
      ) : (
        <ol className="grid max-w-3xl gap-4">
          {all.map((order) => (
            <OrderRow key={order.order_id} order={order} nowMs={now} />
          ))}
        </ol>
      )}
      {orders.hasNextPage && isOnline && (
        <Button
          className="mt-6"
          isBusy={orders.isFetchingNextPage}
          onClick={() => void orders.fetchNextPage()}
        >
          {common('action.more')}
        </Button>
      )}
    </>
  )
}

import type { Order } from '@/shared/api/types'
import { Button } from '@/shared/ui/Button'
import { Dialog } from '@/shared/ui/Dialog'
import { Notice } from '@/shared/ui/Notice'
import { problemText } from '@/shared/ui/Problem'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useCancelOrder } from './api/cancelOrder'
import { isCancellable, phaseOf } from './model'

/** Gives the order back, after a question. What became of it meanwhile is said, not hidden. */
export function CancelOrder({ order, isOnline }: { order: Order; isOnline: boolean }) {
  const { t } = useTranslation('orders')
  const { t: common } = useTranslation()
  const [isAsking, setAsking] = useState(false)
  const cancel = useCancelOrder(order.order_id)
  const isTooLate = cancel.error?.code === 'invalid_state'

  const ask = (): void => {
    cancel.reset()
    setAsking(true)
  }
  // What is sent cannot be called back: the question stays until it is answered.
  const close = (): void => {
    if (!cancel.isPending) setAsking(false)
  }
  return (
    <>
      {isTooLate && (
        <Notice tone="warn" title={t('cancel.tooLate')} isLive>
          {t('cancel.now', { status: t(`status.${phaseOf(order)}`) })}
        </Notice>
      )}
      {isCancellable(order) && (
        <Button tone="danger" disabled={!isOnline} onClick={ask}>
          {t('cancel.open')}
        </Button>
      )}
      <Dialog isOpen={isAsking} onClose={close} title={t('cancel.title')} description={t('cancel.text')}>
        {cancel.error && !isTooLate && (
          <div className="mb-4">
            <Notice tone="bad" isLive>
              {problemText(common, cancel.error)}
            </Notice>
          </div>
        )}
        <div className="flex flex-wrap justify-end gap-3">
          <Button disabled={cancel.isPending} onClick={close}>
            {t('cancel.keep')}
          </Button>
          <Button
            tone="danger"
            isBusy={cancel.isPending}
            onClick={() =>
              cancel.mutate(undefined, {
                onSuccess: () => setAsking(false),
                onError: (error) => {
                  if (error.code === 'invalid_state') setAsking(false)
                },
              })
            }
          >
            {t('cancel.confirm')}
          </Button>
        </div>
      </Dialog>
    </>
  )
}

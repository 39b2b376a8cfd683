import type { Order } from '@/shared/api/types'
import { Button } from '@/shared/ui/Button'
import { Dialog } from '@/shared/ui/Dialog'
import { TextField } from '@/shared/ui/Field'
import { Notice } from '@/shared/ui/Notice'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { useCancelOrder } from '../api/cancelOrder'
import { byteLength } from '../ui/byteLength'
import { useFailureText } from '../ui/failure'
import { useOutcome } from '../ui/outcome'

const REASON_BYTES_MAX = 64

export function CancelOrder({ order }: { order: Order }) {
  const { t } = useTranslation('operate')
  const [isOpen, setOpen] = useState(false)
  const canCancel = order.status === 'reserved' || order.status === 'pending_payment'
  return (
    <>
      {canCancel && (
        <Button tone="danger" onClick={() => setOpen(true)}>
          {t('order.cancel')}
        </Button>
      )}
      <Dialog
        isOpen={isOpen}
        onClose={() => setOpen(false)}
        title={t('order.cancelTitle')}
        description={t('order.cancelHappens')}
      >
        <CancelForm orderId={order.order_id} onClose={() => setOpen(false)} />
      </Dialog>
    </>
  )
}

function CancelForm({ orderId, onClose }: { orderId: string; onClose: () => void }) {
  const { t } = useTranslation('operate')
  const { t: common } = useTranslation()
  const [reason, setReason] = useState('')
  const [isTried, setTried] = useState(false)
  const cancel = useCancelOrder(orderId)
  const failureText = useFailureText()
  const say = useOutcome((state) => state.say)
  const words = reason.trim()
  const problem = words === '' ? 'required' : byteLength(words) > REASON_BYTES_MAX ? 'tooLong' : null

  function submit(event: FormEvent): void {
    event.preventDefault()
    setTried(true)
    if (problem || cancel.isPending) return
    cancel.mutate(words, {
      onSuccess: () => {
        say('good', t('order.cancelled'))
        onClose()
      },
    })
  }

  return (
    <form noValidate onSubmit={submit} className="grid gap-4">
      <TextField
        label={t('order.cancelReason')}
        hint={t('order.cancelReasonHint')}
        value={reason}
        error={isTried && problem ? t(`invalid.${problem}`) : undefined}
        onChange={(event) => setReason(event.target.value)}
      />
      {cancel.error && (
        <Notice tone="bad" isLive>
          {failureText('cancel', cancel.error)}
        </Notice>
      )}
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>{common('action.back')}</Button>
        <Button type="submit" tone="danger" isBusy={cancel.isPending}>
          {t('order.cancel')}
        </Button>
      </div>
    </form>
  )
}

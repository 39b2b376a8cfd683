import { ApiError } from '@/shared/api/error'
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
import { useTellIfGone } from '../ui/useTellIfGone'

const REASON_BYTES_MAX = 64

export function CancelOrder({ order }: { order: Order }) {
  const { t } = useTranslation('operate')
  const [isOpen, setOpen] = useState(false)
  const cancel = useCancelOrder(order.order_id)
  const close = (): void => {
    cancel.reset()
    setOpen(false)
  }
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
        onClose={() => !cancel.isPending && close()}
        title={t('order.cancelTitle')}
        description={t('order.cancelHappens')}
      >
        <CancelForm cancel={cancel} onClose={close} />
      </Dialog>
    </>
  )
}

interface CancelFormProps {
  cancel: ReturnType<typeof useCancelOrder>
  onClose: () => void
}

function CancelForm({ cancel, onClose }: CancelFormProps) {
  const { t } = useTranslation('operate')
  const { t: common } = useTranslation()
  const [reason, setReason] = useState('')
  const [isTried, setTried] = useState(false)
  const failureText = useFailureText()
  const tellIfGone = useTellIfGone('cancel')
  const say = useOutcome((state) => state.say)
  const words = reason.trim()
  const problem = words === '' ? 'required' : byteLength(words) > REASON_BYTES_MAX ? 'tooLong' : null

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault()
    setTried(true)
    if (problem || cancel.isPending) return
    try {
      await cancel.mutateAsync(words)
      say('good', t('order.cancelled'))
      onClose()
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      // The mutation keeps it, and the notice below says it.
      tellIfGone(error)
    }
  }

  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="grid gap-4">
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
        <Button onClick={onClose} disabled={cancel.isPending}>
          {common('action.back')}
        </Button>
        <Button type="submit" tone="danger" isBusy={cancel.isPending}>
          {t('order.cancel')}
        </Button>
      </div>
    </form>
  )
}

import { ApiError } from '@/shared/api/error'
import { newKey } from '@/shared/lib/keys'
import { Button } from '@/shared/ui/Button'
import { Dialog } from '@/shared/ui/Dialog'
import { TextField } from '@/shared/ui/Field'
import { Notice } from '@/shared/ui/Notice'
import { useRef, useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { useChangeStock } from '../api/changeStock'
import type { OperatorSale } from '../api/types'
import { useFailureText } from '../ui/failure'
import { useOutcome } from '../ui/outcome'
import { readStock, sendingOf, type Sending, type StockForm } from './stockChange'

interface Props {
  sale: OperatorSale
  isOpen: boolean
  onClose: () => void
}

export function StockDialog({ sale, isOpen, onClose }: Props) {
  const { t } = useTranslation('operate')
  return (
    <Dialog
      isOpen={isOpen}
      onClose={onClose}
      title={t('stock.title', { title: sale.title })}
      description={t('stock.now', { left: sale.stock_left, total: sale.stock_total })}
    >
      <StockFields sale={sale} onClose={onClose} />
    </Dialog>
  )
}

const empty: StockForm = { direction: 'add', units: '', reason: '' }

function StockFields({ sale, onClose }: Omit<Props, 'isOpen'>) {
  const { t } = useTranslation('operate')
  const { t: common } = useTranslation()
  const [form, setForm] = useState(empty)
  const [isTried, setTried] = useState(false)
  const sending = useRef<Sending | null>(null)
  const change = useChangeStock(sale.sale_id)
  const failureText = useFailureText()
  const say = useOutcome((state) => state.say)
  const reading = readStock(form)
  const errors = isTried && 'errors' in reading ? reading.errors : {}

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault()
    setTried(true)
    if (change.isPending || 'errors' in reading) return
    sending.current = sendingOf(sending.current, reading, () => newKey('stock'))
    try {
      const after = await change.mutateAsync(sending.current)
      say('good', t('stock.done', { left: after.stock_left, total: after.stock_total }))
      onClose()
    } catch (error) {
      // Refused for good: what is sent next is a new change, even if it looks the same.
      if (error instanceof ApiError && error.code === 'idempotency_mismatch') sending.current = null
    }
  }

  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="grid gap-4">
      <Direction value={form.direction} onChange={(direction) => setForm({ ...form, direction })} />
      <TextField
        label={t('stock.units')}
        inputMode="numeric"
        autoComplete="off"
        value={form.units}
        error={errors.units && t(`invalid.${errors.units}`)}
        onChange={(event) => setForm({ ...form, units: event.target.value })}
      />
      <TextField
        label={t('stock.reason')}
        hint={t('stock.reasonHint')}
        value={form.reason}
        error={errors.reason && t(`invalid.${errors.reason}`)}
        onChange={(event) => setForm({ ...form, reason: event.target.value })}
      />
      {'delta' in reading && (
        <p>{t('stock.preview', { from: sale.stock_total, to: sale.stock_total + reading.delta })}</p>
      )}
      {change.error && (
        <Notice tone="bad" isLive>
          {failureText('stock', change.error)}
        </Notice>
      )}
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>{common('action.cancel')}</Button>
        <Button type="submit" tone="primary" isBusy={change.isPending}>
          {t('stock.submit')}
        </Button>
      </div>
    </form>
  )
}

function Direction({
  value,
  onChange,
}: {
  value: StockForm['direction']
  onChange: (value: StockForm['direction']) => void
}) {
  const { t } = useTranslation('operate')
  return (
    <fieldset>
      <legend className="mb-1 font-semibold">{t('stock.direction')}</legend>
      <div className="flex gap-2">
        {(['add', 'take'] as const).map((direction) => (
          <label
            key={direction}
            className="inline-flex min-h-11 flex-1 items-center gap-2 rounded-lg border border-edge px-3 has-checked:bg-sunken"
          >
            <input
              type="radio"
              name="direction"
              className="size-5 accent-signal"
              checked={value === direction}
              onChange={() => onChange(direction)}
            />
            {t(`stock.${direction}`)}
          </label>
        ))}
      </div>
    </fieldset>
  )
}

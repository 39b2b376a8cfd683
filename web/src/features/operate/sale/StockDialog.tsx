import { newKey } from '@/shared/lib/keys'
import { Button } from '@/shared/ui/Button'
import { Dialog } from '@/shared/ui/Dialog'
import { TextField } from '@/shared/ui/Field'
import { Notice } from '@/shared/ui/Notice'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { useChangeStock } from '../api/changeStock'
import type { OperatorSale } from '../api/types'
import { useFailureText } from '../ui/failure'
import { useOutcome } from '../ui/outcome'
import { useTellIfGone } from '../ui/useTellIfGone'
import { formOf, readStock, sendingOf, type StockForm } from './stockChange'
import { forget, isFinal, remember, unansweredOf } from './unanswered'

interface Props {
  sale: OperatorSale
  isOpen: boolean
  onClose: () => void
}

export function StockDialog({ sale, isOpen, onClose }: Props) {
  const { t } = useTranslation('operate')
  const [isBusy, setBusy] = useState(false)
  return (
    <Dialog
      isOpen={isOpen}
      onClose={() => !isBusy && onClose()}
      title={t('stock.title', { title: sale.title })}
      description={t('stock.now', { left: sale.stock_left, total: sale.stock_total })}
    >
      <StockFields sale={sale} onClose={onClose} onBusy={setBusy} />
    </Dialog>
  )
}

const empty: StockForm = { direction: 'add', units: '', reason: '' }

interface FieldsProps extends Omit<Props, 'isOpen'> {
  /** While it runs the dialog stays, so that what comes of it is seen. */
  onBusy: (isBusy: boolean) => void
}

function StockFields({ sale, onClose, onBusy }: FieldsProps) {
  const { t } = useTranslation('operate')
  const { t: common } = useTranslation()
  const [before, setBefore] = useState(() => unansweredOf(sale.sale_id).at(-1))
  const [form, setForm] = useState(before ? formOf(before) : empty)
  const [isTried, setTried] = useState(false)
  const change = useChangeStock(sale.sale_id)
  const failureText = useFailureText()
  const tellIfGone = useTellIfGone('stock')
  const say = useOutcome((state) => state.say)
  const reading = readStock(form)
  const errors = isTried && 'errors' in reading ? reading.errors : {}

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault()
    setTried(true)
    if (change.isPending || 'errors' in reading) return
    const sending = sendingOf(unansweredOf(sale.sale_id), reading, () => newKey('stock'))
    remember(sale.sale_id, sending)
    setBefore(undefined)
    onBusy(true)
    try {
      const after = await change.mutateAsync(sending)
      forget(sale.sale_id, sending)
      say('good', t('stock.done', { left: after.stock_left, total: after.stock_total }))
      onClose()
    } catch (error) {
      if (isFinal(error)) forget(sale.sale_id, sending)
      tellIfGone(error)
    } finally {
      onBusy(false)
    }
  }

  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="grid gap-4">
      {before && <Notice tone="warn">{t('stock.unanswered')}</Notice>}
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
        <Button onClick={onClose} disabled={change.isPending}>
          {common('action.cancel')}
        </Button>
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

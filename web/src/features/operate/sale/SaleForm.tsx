import { ApiError } from '@/shared/api/error'
import { Button } from '@/shared/ui/Button'
import { TextArea, TextField } from '@/shared/ui/Field'
import { Notice } from '@/shared/ui/Notice'
import { Panel } from '@/shared/ui/Page'
import { useState, type ReactNode } from 'react'
import { useForm, type FieldErrors } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import type { SaleRequest } from '../api/types'
import { useFailureText } from '../ui/failure'
import { useTellIfGone } from '../ui/useTellIfGone'
import { zoneName } from './localTime'
import { fieldOfDetail, lockOf, saleFields, type OperatorState, type SaleField } from './rules'
import { fieldErrors, readSale, type FieldError, type SaleFormValues } from './saleForm'

interface SaleFormProps {
  initial: SaleFormValues
  state: OperatorState | 'new'
  action: 'create' | 'edit'
  submitLabel: string
  save: (sale: SaleRequest, values: SaleFormValues) => Promise<void>
}

const groups: { name: 'what' | 'price' | 'when' | 'rules'; fields: SaleField[] }[] = [
  { name: 'what', fields: ['title', 'description', 'image_url', 'product_id'] },
  { name: 'price', fields: ['price', 'currency', 'list_price'] },
  { name: 'when', fields: ['starts_at', 'ends_at'] },
  { name: 'rules', fields: ['stock_total', 'per_user_limit', 'pay_within_s'] },
]
const numeric: ReadonlySet<SaleField> = new Set(['stock_total', 'per_user_limit', 'pay_within_s'])
const currencies = ['EUR', 'USD', 'GBP', 'CHF', 'CNY', 'JPY', 'KRW']

function isFieldError(text: string): text is FieldError {
  return fieldErrors.some((known) => known === text)
}

function inputOf(name: SaleField): Record<string, string> {
  if (name === 'starts_at' || name === 'ends_at') return { type: 'datetime-local', step: '1' }
  if (name === 'price' || name === 'list_price') return { inputMode: 'decimal' }
  if (name === 'currency') return { list: 'currencies', maxLength: '3', autoCapitalize: 'characters' }
  return numeric.has(name) ? { inputMode: 'numeric' } : {}
}

export function SaleForm({ initial, state, action, submitLabel, save }: SaleFormProps) {
  const { t } = useTranslation('operate')
  const failureText = useFailureText()
  const tellIfGone = useTellIfGone(action)
  const [failure, setFailure] = useState<string | null>(null)
  const form = useForm<SaleFormValues, unknown, SaleRequest>({
    defaultValues: initial,
    resolver: (typed) => {
      // What cannot be changed is not registered, and stays as it was.
      const reading = readSale({ ...initial, ...typed })
      if ('sale' in reading) return { values: reading.sale, errors: {} }
      const errors: FieldErrors<SaleFormValues> = {}
      for (const name of saleFields)
        if (reading.errors[name]) errors[name] = { type: 'custom', message: reading.errors[name] }
      return { values: {}, errors }
    },
  })
  const { errors, isSubmitting } = form.formState

  async function submit(sale: SaleRequest): Promise<void> {
    setFailure(null)
    try {
      await save(sale, { ...initial, ...form.getValues() })
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      tellIfGone(error)
      const detail = error.code === 'invalid_field' ? (error.problem?.detail ?? '') : ''
      const name = fieldOfDetail(detail)
      // The server's words, at the field that they are about.
      if (name && lockOf(name, state) === null)
        form.setError(name, { message: detail }, { shouldFocus: true })
      else setFailure(failureText(action, error))
    }
  }

  function errorOf(name: SaleField): string | undefined {
    const message = errors[name]?.message
    return message && isFieldError(message) ? t(`invalid.${message}`) : message
  }

  function fieldOf(name: SaleField): ReactNode {
    const lock = lockOf(name, state)
    const hint =
      name === 'starts_at' || name === 'ends_at' ? t('hint.zone', { zone: zoneName() }) : t(`hint.${name}`)
    const common = {
      label: t(`field.${name}`),
      hint: lock ? t(`form.locked.${lock}`) : hint,
      error: errorOf(name),
      ...(lock ? { disabled: true, defaultValue: initial[name] } : form.register(name)),
    }
    if (name === 'description') return <TextArea key={name} rows={4} {...common} />
    return <TextField key={name} autoComplete="off" {...inputOf(name)} {...common} />
  }

  return (
    <form
      noValidate
      onSubmit={(event) => void form.handleSubmit(submit)(event)}
      className="grid grid-cols-1 gap-5"
    >
      <datalist id="currencies">
        {currencies.map((currency) => (
          <option key={currency} value={currency} />
        ))}
      </datalist>
      {groups.map(({ name, fields }) => (
        <Panel key={name} title={t(`form.${name}`)}>
          <div
            className={`grid grid-cols-1 items-start gap-4 ${name === 'what' ? '' : 'sm:grid-cols-2 lg:grid-cols-3'}`}
          >
            {fields.map(fieldOf)}
          </div>
        </Panel>
      ))}
      {failure && (
        <Notice tone="bad" isLive>
          {failure}
        </Notice>
      )}
      {state !== 'ended' && (
        <div>
          <Button type="submit" tone="primary" isBusy={isSubmitting}>
            {submitLabel}
          </Button>
        </div>
      )}
    </form>
  )
}

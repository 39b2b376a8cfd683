import type { Limits } from '@/shared/api/types'
import { TextField } from '@/shared/ui/Field'
import { useTranslation } from 'react-i18next'
import { numberIn, readLimit, warningOf, type LimitError, type LimitField, type Typed } from './limitsForm'

interface LimitInputProps {
  field: LimitField
  limits: Limits
  typed: Typed
  error: LimitError | undefined
  onType: (text: string) => void
}

export function LimitInput({ field, limits, typed, error, onType }: LimitInputProps) {
  const { t } = useTranslation('operate')
  const inForce = numberIn(limits, field)
  const valueOf = (other: LimitField): number => {
    const reading = readLimit(other, typed[other] ?? String(numberIn(limits, other)))
    return 'value' in reading ? reading.value : numberIn(limits, other)
  }
  const warning = error ? null : warningOf(field, valueOf(field), valueOf)
  const name = field.split('.')[1] as 'rate_per_s' | 'burst' | 'count' | 'window_ms'
  return (
    <TextField
      label={t(`limits.field.${name}`)}
      inputMode="numeric"
      autoComplete="off"
      value={typed[field] ?? String(inForce)}
      hint={
        <>
          {t('limits.inForce', { value: inForce })}
          {warning && <span className="block font-semibold text-warn">{t(`limits.warning.${warning}`)}</span>}
        </>
      }
      error={error && t(`invalid.${error}`)}
      onChange={(event) => onType(event.target.value)}
    />
  )
}

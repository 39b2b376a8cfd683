import type { Limits } from '@/shared/api/types'
import { TextField } from '@/shared/ui/Field'
import { useTranslation } from 'react-i18next'
import { afterwards, inForce, warningOf, type LimitError, type LimitField, type Typed } from './limitsForm'

interface LimitInputProps {
  field: LimitField
  limits: Limits
  typed: Typed
  error: LimitError | undefined
  onType: (text: string) => void
}

export function LimitInput({ field, limits, typed, error, onType }: LimitInputProps) {
  const { t } = useTranslation('operate')
  const now = inForce(limits)
  const warning = error ? null : warningOf(field, now, afterwards(limits, typed))
  const name = field.split('.')[1] as 'rate_per_s' | 'burst' | 'count' | 'window_ms'
  return (
    <TextField
      label={t(`limits.field.${name}`)}
      inputMode="numeric"
      autoComplete="off"
      value={typed[field] ?? String(now(field))}
      hint={
        <>
          {t('limits.inForce', { value: now(field) })}
          {warning && <span className="block font-semibold text-warn">{t(`limits.warning.${warning}`)}</span>}
        </>
      }
      error={error && t(`invalid.${error}`)}
      onChange={(event) => onType(event.target.value)}
    />
  )
}

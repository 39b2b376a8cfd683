import type { SaleState } from '@/shared/api/types'
import { SelectField, TextField } from '@/shared/ui/Field'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { SalesFilter } from './api/listSales'

const TYPING_MS = 300
const Q_MAX = 100
export const saleStates: readonly SaleState[] = ['live', 'scheduled', 'paused', 'sold_out', 'ended']

/** Search and state. A word is looked for when the typing rests. */
export function SaleFilters({
  filter,
  onChange,
}: {
  filter: SalesFilter
  onChange: (filter: SalesFilter) => void
}) {
  const { t } = useTranslation('sales')
  const [typed, setTyped] = useState(filter.q)
  const [known, setKnown] = useState(filter.q)
  const timer = useRef(0)
  if (known !== filter.q) {
    setKnown(filter.q) // changed by the address: back, or "show all"
    if (typed.trim() !== filter.q) setTyped(filter.q)
  }
  useEffect(() => () => window.clearTimeout(timer.current), [])
  const search = (q: string, waitMs: number): void => {
    window.clearTimeout(timer.current)
    const here = window.location.pathname
    timer.current = window.setTimeout(() => {
      // Who has tapped a sale meanwhile is on the way there, though its page is not drawn yet.
      if (window.location.pathname === here) onChange({ ...filter, q: q.trim() })
    }, waitMs)
  }
  return (
    <form
      role="search"
      aria-label={t('filter.label')}
      className="mb-8 grid gap-4 sm:grid-cols-[1fr_14rem]"
      onSubmit={(event) => {
        event.preventDefault()
        search(typed, 0)
      }}
    >
      <TextField
        type="search"
        label={t('filter.q')}
        placeholder={t('filter.placeholder')}
        maxLength={Q_MAX}
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value)
          search(event.target.value, TYPING_MS)
        }}
      />
      <SelectField
        label={t('filter.state')}
        value={filter.state}
        onChange={(event) => {
          // what was being typed goes along: its timer knows the former state only
          window.clearTimeout(timer.current)
          onChange({ q: typed.trim(), state: asState(event.target.value) })
        }}
      >
        <option value="">{t('filter.all')}</option>
        {saleStates.map((state) => (
          <option key={state} value={state}>
            {t(`state.${state}`)}
          </option>
        ))}
      </SelectField>
    </form>
  )
}

export function asState(text: string | null): SaleState | '' {
  return saleStates.find((state) => state === text) ?? ''
}

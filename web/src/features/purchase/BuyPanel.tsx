import type { Sale, SaleState, User } from '@/shared/api/types'
import { formatMoney } from '@/shared/lib/money'
import { useOnline } from '@/shared/lib/useOnline'
import { SelectField } from '@/shared/ui/Field'
import { useId, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { BuyButton, LogInButton } from './BuyButton'
import { isUnderWay, type Attempt } from './model'
import { Outcome } from './Outcome'
import { isClosed } from './standing'
import { useAttempt } from './useAttempt'
import { useReopening } from './useReopening'
import { useReturnFocus } from './useReturnFocus'
import { spokenText, type T } from './words'

interface BuyPanelProps {
  sale: Sale
  /** By the server's clock, now: `live` arms the button. */
  state: SaleState
  user: User | null
  isUserPending: boolean
}

/** Everything between the wish and the order: how many, the button, and what became of it. */
export function BuyPanel({ sale, state, user, isUserPending }: BuyPanelProps) {
  const { t, i18n } = useTranslation('purchase')
  const isOnline = useOnline()
  const handle = useAttempt(sale.sale_id, user)
  const [quantity, setQuantity] = useState(1)
  const [hasTapped, setHasTapped] = useState(false)
  const hintId = useId()
  const { attempt } = handle
  const buyButton = useRef<HTMLButtonElement>(null)
  const returning = useReturnFocus(buyButton, attempt.phase.name)
  useReopening(state, attempt.phase, handle.dismiss)
  const chosen = Math.min(quantity, sale.per_user_limit)
  const buy = (): void => {
    setHasTapped(true)
    handle.tap(chosen)
  }
  return (
    <div className="grid gap-3">
      {hasButton(attempt) && (
        <>
          {sale.per_user_limit > 1 && (
            <Quantity limit={sale.per_user_limit} value={chosen} onChange={setQuantity} />
          )}
          {user || isUserPending || state === 'ended' ? (
            <BuyButton
              ref={buyButton}
              isArmed={
                state === 'live' && user !== null && handle.isReady && attempt.phase.name !== 'offered'
              }
              isBusy={isUnderWay(attempt)}
              describedBy={hintId}
              onBuy={buy}
            >
              {label(
                t,
                handle.isReady && (user !== null || state !== 'live'),
                attempt,
                state,
                formatMoney(sale.price_cents * chosen, sale.currency, i18n.language),
              )}
            </BuyButton>
          ) : (
            <LogInButton saleId={sale.sale_id} describedBy={hintId}>
              {t('button.logIn')}
            </LogInButton>
          )}
          <p id={hintId} role="status" className="min-h-12 text-sm text-muted">
            {hint(t, state, user !== null || isUserPending, isOnline)}
          </p>
        </>
      )}
      <p role="status" className="sr-only" data-testid="spoken">
        {spokenText(t, attempt, i18n.language, isOnline)}
      </p>
      <Outcome
        handle={{ ...handle, dismiss: returning(handle.dismiss), retry: returning(handle.retry) }}
        saleId={sale.sale_id}
        hasTapped={hasTapped}
        onAnew={returning(buy)}
      />
    </div>
  )
}

/** What was won or can be sent again has its own next step. */
function hasButton({ phase }: Attempt): boolean {
  return phase.name !== 'offered' && (phase.name !== 'won' || isClosed(phase.purchase))
}

function label(t: T, isReady: boolean, { phase }: Attempt, state: SaleState, price: string): string {
  switch (phase.name) {
    case 'saving':
    case 'sending':
    case 'asking':
    case 'waiting':
      return t(`button.${phase.name}`)
    default:
      if (!isReady) return t('button.loading')
      if (state === 'live') return t(phase.name === 'idle' ? 'button.buy' : 'button.again', { price })
      return t(`button.${state === 'scheduled' ? 'soon' : state}`)
  }
}

function hint(t: T, state: SaleState, isKnown: boolean, isOnline: boolean): string {
  if (!isOnline) return t('hint.offline')
  if (!isKnown && state !== 'ended') return t(state === 'scheduled' ? 'hint.logInSoon' : 'hint.logIn')
  return t(`hint.${state === 'scheduled' ? 'soon' : state}`)
}

function Quantity({
  limit,
  value,
  onChange,
}: {
  limit: number
  value: number
  onChange: (value: number) => void
}) {
  const { t } = useTranslation('purchase')
  return (
    <SelectField
      label={t('quantity')}
      value={value}
      onChange={(event) => onChange(Number(event.target.value))}
    >
      {Array.from({ length: limit }, (_, index) => (
        <option key={index} value={index + 1}>
          {index + 1}
        </option>
      ))}
    </SelectField>
  )
}

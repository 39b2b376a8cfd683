import type { Order } from '@/shared/api/types'
import { formatMoney } from '@/shared/lib/money'
import { Button } from '@/shared/ui/Button'
import { Notice } from '@/shared/ui/Notice'
import { Panel } from '@/shared/ui/Page'
import { problemText } from '@/shared/ui/Problem'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { usePayment } from './api/payOrder'
import { isUndecided, NotKept, type Outcome } from './attempt'
import { isProviderSlow } from './model'

const outcomes: readonly Outcome[] = ['succeed', 'decline', 'hang']

/** Paying, by a provider that charges nobody: who tries the shop out chooses what it answers. */
export function PayBox({
  order,
  payment,
  isOnline,
  nowMs,
}: {
  order: Order
  payment: ReturnType<typeof usePayment>
  isOnline: boolean
  nowMs: number | null
}) {
  const { t, i18n } = useTranslation('orders')
  const [outcome, setOutcome] = useState<Outcome>('succeed')
  const total = formatMoney(order.total_cents, order.currency, i18n.language)
  const isHeld = payment.error !== null && isUndecided(payment.error)
  return (
    <Panel title={t('pay.title')}>
      {isProviderSlow(order, nowMs) && (
        <div className="mb-4">
          <Notice tone="warn">{t('pay.slow')}</Notice>
        </div>
      )}
      <fieldset className="rounded-lg border border-edge p-4">
        <legend className="px-2 font-semibold">{t('pay.provider')}</legend>
        <p className="mb-2 text-sm text-muted">{t('pay.providerText')}</p>
        {outcomes.map((name) => (
          <label key={name} className="flex min-h-11 items-center gap-3">
            <input
              type="radio"
              name="outcome"
              value={name}
              checked={outcome === name}
              disabled={payment.isPending || isHeld}
              onChange={() => setOutcome(name)}
              className="size-5 shrink-0 accent-signal"
            />
            {t(`pay.outcome.${name}`)}
          </label>
        ))}
      </fieldset>
      <PayProblem payment={payment} />
      <Button
        tone="primary"
        className="figures mt-4 w-full sm:w-auto"
        isBusy={payment.isPending}
        disabled={!isOnline}
        onClick={() => (isHeld ? payment.goOn() : payment.pay(outcome))}
      >
        {isHeld ? t('pay.again') : t('pay.submit', { total })}
      </Button>
      {!isOnline && <p className="mt-2 text-sm text-muted">{t('offline')}</p>}
    </Panel>
  )
}

function PayProblem({ payment }: { payment: ReturnType<typeof usePayment> }) {
  const { t } = useTranslation('orders')
  const { t: common } = useTranslation()
  const isRepeating = payment.isPending && payment.failureCount > 0
  if (!isRepeating && !payment.error) return null
  const isHeld = isRepeating || (payment.error !== null && isUndecided(payment.error))
  return (
    <div className="mt-4">
      <Notice tone={isHeld ? 'warn' : 'bad'} isLive>
        {isHeld ? t('pay.unanswered') : refusal()}
      </Notice>
    </div>
  )

  function refusal(): string {
    if (payment.error instanceof NotKept) return t('pay.notKept')
    if (payment.error?.code === 'invalid_state') return t('pay.tooLate')
    if (payment.error?.code === 'limit_exceeded') return t('pay.tooOften')
    return payment.error ? problemText(common, payment.error) : ''
  }
}

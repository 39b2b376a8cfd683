import { Button } from '@/shared/ui/Button'
import { TextField } from '@/shared/ui/Field'
import { Loading, Page } from '@/shared/ui/Page'
import { ProblemNotice } from '@/shared/ui/Problem'
import { Notice } from '@/shared/ui/Notice'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'
import { useOrder } from '../api/getOrder'
import { Stale } from '../ui/Pages'
import { OrderCard } from './OrderCard'
import { readOrderId } from './orderId'

/** Any order, by its number, in the address too: it can be sent to a colleague. */
export function FindOrderPage() {
  const { t } = useTranslation('operate')
  const { orderId } = useParams()
  const known = orderId ? readOrderId(orderId) : null
  return (
    <Page title={t('order.title')} lead={t('order.lead')}>
      <Search key={orderId} initial={orderId ?? ''} />
      <div className="mt-6">
        {known && <Found orderId={known} />}
        {orderId && !known && (
          <Notice tone="bad" isLive>
            {t('invalid.orderId')}
          </Notice>
        )}
      </div>
    </Page>
  )
}

function Search({ initial }: { initial: string }) {
  const { t } = useTranslation('operate')
  const { t: common } = useTranslation()
  const [text, setText] = useState(initial)
  const [error, setError] = useState<'required' | 'orderId' | null>(null)
  const navigate = useNavigate()

  function submit(event: FormEvent): void {
    event.preventDefault()
    const found = readOrderId(text)
    setError(found ? null : text.trim() === '' ? 'required' : 'orderId')
    if (found) void navigate(`/operate/orders/${found}`)
  }

  return (
    <form role="search" noValidate onSubmit={submit} className="flex flex-wrap items-start gap-3">
      <TextField
        className="min-w-0 flex-1 basis-80"
        label={t('order.id')}
        hint={t('order.idHint')}
        error={error ? t(`invalid.${error}`) : undefined}
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <Button type="submit" tone="primary" className="sm:mt-7">
        {common('action.search')}
      </Button>
    </form>
  )
}

function Found({ orderId }: { orderId: string }) {
  const { t } = useTranslation('operate')
  const query = useOrder(orderId)
  if (query.data)
    return (
      <>
        <Stale error={query.error} />
        <OrderCard order={query.data} />
      </>
    )
  if (query.error?.status === 404)
    return (
      <Notice tone="warn" title={t('order.none')} isLive>
        {t('order.noneText')}
      </Notice>
    )
  if (query.error) return <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />
  return <Loading rows={2} className="h-48" />
}

import { ButtonLink } from '@/shared/ui/Button'
import { Notice } from '@/shared/ui/Notice'
import { Loading, Page } from '@/shared/ui/Page'
import { ProblemNotice } from '@/shared/ui/Problem'
import { nowMs } from '@/shared/lib/serverClockStore'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'
import { useSale } from '../api/getSale'
import { useCreateSale, useEditSale } from '../api/saveSale'
import type { OperatorSale } from '../api/types'
import { useOutcome } from '../ui/outcome'
import { changesOf, creationOf, emptyValues, valuesOf } from './saleForm'
import { SaleForm } from './SaleForm'

export function NewSalePage() {
  const { t } = useTranslation('operate')
  const [initial] = useState(() => emptyValues(nowMs()))
  const navigate = useNavigate()
  const say = useOutcome((state) => state.say)
  const create = useCreateSale()
  return (
    <Page title={t('form.new')} lead={t('form.newLead')}>
      <SaleForm
        initial={initial}
        state="new"
        action="create"
        submitLabel={t('form.create')}
        save={async (sale) => {
          const made = await create.mutateAsync(creationOf(sale))
          say('good', t('form.created', { title: made.title }))
          await navigate(`/operate/sales/${made.sale_id}`)
        }}
      />
    </Page>
  )
}

export function EditSalePage() {
  const { t } = useTranslation('operate')
  const { saleId = '' } = useParams()
  const query = useSale(saleId)
  return (
    <Page
      title={query.data ? t('form.editTitle', { title: query.data.title }) : t('form.edit')}
      actions={<ButtonLink to={`/operate/sales/${saleId}`}>{t('form.toBoard')}</ButtonLink>}
    >
      {query.data ? (
        <EditForm sale={query.data} />
      ) : query.error ? (
        <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <Loading />
      )}
    </Page>
  )
}

/** The sale as it was when the form opened: what others change meanwhile does not run away under the hands. */
function EditForm({ sale }: { sale: OperatorSale }) {
  const { t } = useTranslation('operate')
  const [before] = useState(sale)
  const [initial] = useState(() => valuesOf(sale))
  const navigate = useNavigate()
  const say = useOutcome((state) => state.say)
  const edit = useEditSale(sale.sale_id)
  const hasMoved = sale.version !== before.version && !edit.isSuccess
  return (
    <>
      {before.state !== 'draft' && (
        <div className="mb-6">
          <Notice title={t(before.state === 'ended' ? 'form.endedTitle' : 'form.liveTitle')}>
            {t(before.state === 'ended' ? 'form.endedText' : 'form.liveText')}
          </Notice>
        </div>
      )}
      {hasMoved && (
        <div className="mb-6">
          <Notice tone="warn" isLive>
            {t('form.moved')}
          </Notice>
        </div>
      )}
      <SaleForm
        initial={initial}
        state={before.state}
        action="edit"
        submitLabel={t('form.save')}
        save={async (request, values) => {
          const changes = changesOf(before, values, request)
          if (Object.keys(changes).length === 0) {
            say('good', t('form.nothing'))
            return
          }
          const after = await edit.mutateAsync(changes)
          say('good', t('form.saved', { title: after.title }))
          await navigate(`/operate/sales/${after.sale_id}`)
        }}
      />
    </>
  )
}

import type { DeadLetter } from '@/shared/api/types'
import { formatInstant } from '@/shared/lib/time'
import { Button } from '@/shared/ui/Button'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useDecideDeadLetter, type Decision } from '../api/decideDeadLetter'
import { Confirm } from '../ui/Confirm'
import { CopyButton } from '../ui/CopyButton'

/** A reservation that could not become an order: why, the message itself, and the two ways out. */
export function Letter({ letter }: { letter: DeadLetter }) {
  const { t, i18n } = useTranslation('operate')
  const json = JSON.stringify(letter.message, null, 2)
  return (
    <li className="ticket p-5 sm:p-6">
      <div className="flex flex-wrap items-start justify-between gap-4">
        <div className="min-w-0 flex-1 basis-64">
          <h2 className="text-xl font-semibold">{t('letters.name', { id: letter.id })}</h2>
          <p className="mt-1 font-semibold text-bad">{letter.reason}</p>
          <p className="mt-1 text-muted">
            {t('letters.facts', { when: formatInstant(letter.at_ms, i18n.language), count: letter.attempts })}
          </p>
          <p className="mt-1 flex flex-wrap gap-x-4">
            <Link to={`/operate/sales/${letter.message.sale_id}`} className="underline">
              {t('sales.number', { id: letter.message.sale_id })}
            </Link>
            {letter.message.order_id && (
              <Link to={`/operate/orders/${letter.message.order_id}`} className="underline">
                {t('letters.toOrder')}
              </Link>
            )}
          </p>
        </div>
        <div className="flex flex-wrap gap-2">
          <Decide letter={letter} decision="requeue" />
          <Decide letter={letter} decision="discard" />
        </div>
      </div>
      <details className="perforated mt-4 pt-2">
        <summary className="py-2.5 font-semibold">{t('letters.message')}</summary>
        <pre className="my-2 rounded-lg bg-sunken p-4 text-sm break-all whitespace-pre-wrap select-text">
          {json}
        </pre>
        <CopyButton text={json} label={t('letters.copy')} />
      </details>
    </li>
  )
}

function Decide({ letter, decision }: { letter: DeadLetter; decision: Decision }) {
  const { t } = useTranslation('operate')
  const [isAsking, setAsking] = useState(false)
  const decide = useDecideDeadLetter()
  return (
    <>
      <Button
        tone={decision === 'discard' ? 'danger' : 'quiet'}
        aria-label={t(`letters.${decision}.label`, { id: letter.id })}
        onClick={() => setAsking(true)}
      >
        {t(`letters.${decision}.do`)}
      </Button>
      <Confirm
        isOpen={isAsking}
        onClose={() => setAsking(false)}
        title={t(`letters.${decision}.label`, { id: letter.id })}
        label={t(`letters.${decision}.do`)}
        isDanger={decision === 'discard'}
        action={decision}
        run={() => decide.mutateAsync({ id: letter.id, decision })}
        done={t(`letters.${decision}.done`, { id: letter.id })}
      >
        <p>{t(`letters.${decision}.happens`)}</p>
      </Confirm>
    </>
  )
}

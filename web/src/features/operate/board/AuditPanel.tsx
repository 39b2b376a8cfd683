import type { Audit } from '@/shared/api/types'
import { formatInstant } from '@/shared/lib/time'
import { Button } from '@/shared/ui/Button'
import { Loading, Panel } from '@/shared/ui/Page'
import { ProblemNotice } from '@/shared/ui/Problem'
import { useTranslation } from 'react-i18next'
import { useAudit } from '../api/auditSale'
import { formatCount } from '../ui/Figure'
import { Mark } from '../ui/Mark'
import { readAudit } from './equation'

export function AuditPanel({ saleId }: { saleId: string }) {
  const { t, i18n } = useTranslation('operate')
  const query = useAudit(saleId)
  return (
    <Panel
      title={t('audit.title')}
      actions={
        <Button isBusy={query.isFetching} onClick={() => void query.refetch()}>
          {t('audit.refresh')}
        </Button>
      }
    >
      {query.data ? (
        <>
          <Books audit={query.data} />
          <p className="mt-4 text-sm text-muted">
            {t('audit.asOf', { when: formatInstant(query.dataUpdatedAt, i18n.language) })}
          </p>
        </>
      ) : query.error ? (
        <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <Loading rows={1} className="h-48" />
      )}
    </Panel>
  )
}

/** The equation as a sentence, then the verdict in words; colour and mark only repeat it. */
function Books({ audit }: { audit: Audit }) {
  const { t, i18n } = useTranslation('operate')
  const equation = readAudit(audit)
  const count = (value: number): string => formatCount(value, i18n.language)
  const verdict = equation.isBalanced ? 'good' : equation.difference === 0 ? 'wrong' : 'broken'
  return (
    <div aria-live="polite">
      <Sentence audit={audit} isEqual={equation.difference === 0} />
      <div
        className={`mt-4 flex gap-3 rounded-lg px-4 py-3 ${equation.isBalanced ? 'bg-good-soft' : 'bg-bad-soft'}`}
      >
        <Mark isGood={equation.isBalanced} />
        <div>
          <p className={`font-semibold ${equation.isBalanced ? 'text-good' : 'text-bad'}`}>
            {t(`audit.${verdict}`, { units: count(Math.abs(equation.difference)) })}
          </p>
          {equation.faults.map(({ name, units }) => (
            <p key={name}>{t(`audit.fault.${name}`, { units: count(units) })}</p>
          ))}
        </div>
      </div>
      <ul className="mt-4 grid gap-1">
        {audit.in_flight > 0 && (
          <li>{t('audit.inFlight', { units: count(audit.in_flight), reserved: count(audit.reserved) })}</li>
        )}
        <li>{t('audit.returned', { units: count(audit.cancelled_returned) })}</li>
        <li>
          {audit.lost_with_disk > 0
            ? t('audit.lostWithDisk', { units: count(audit.lost_with_disk) })
            : t('audit.noDiskLost')}
        </li>
      </ul>
    </div>
  )
}

const terms = ['gate_left', 'in_flight', 'pending_payment', 'paid'] as const

function Sentence({ audit, isEqual }: { audit: Audit; isEqual: boolean }) {
  const { t } = useTranslation('operate')
  return (
    <p className="flex flex-wrap items-start gap-x-3 gap-y-3">
      <Term value={audit.stock_total} name={t('audit.term.stock_total')} />
      <Sign text={isEqual ? '=' : '≠'} words={t(isEqual ? 'audit.equals' : 'audit.equalsNot')} />
      {terms.map((name, index) => (
        <span key={name} className="inline-flex items-start gap-3">
          {index > 0 && <Sign text="+" words={t('audit.plus')} />}
          <Term value={audit[name]} name={t(`audit.term.${name}`)} />
        </span>
      ))}
    </p>
  )
}

function Term({ value, name }: { value: number; name: string }) {
  const { i18n } = useTranslation()
  return (
    <span className="inline-flex flex-col">
      <span className="figures text-2xl leading-tight font-semibold">
        {formatCount(value, i18n.language)}
      </span>{' '}
      <span className="text-sm text-muted">{name}</span>
    </span>
  )
}

function Sign({ text, words }: { text: string; words: string }) {
  return (
    <span className="figures text-2xl leading-tight text-muted">
      <span aria-hidden="true">{text}</span>
      <span className="sr-only">{words}</span>{' '}
    </span>
  )
}

import { ApiError } from '@/shared/api/error'
import type { Limits } from '@/shared/api/types'
import { Button } from '@/shared/ui/Button'
import { Notice } from '@/shared/ui/Notice'
import { Loading, Page, Panel } from '@/shared/ui/Page'
import { ProblemNotice } from '@/shared/ui/Problem'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { useLimits, usePatchLimits } from '../api/limits'
import { useFailureText } from '../ui/failure'
import { useOutcome } from '../ui/outcome'
import { useTellIfGone } from '../ui/useTellIfGone'
import { Confirm } from '../ui/Confirm'
import { Stale } from '../ui/Pages'
import { LimitInput } from './LimitInput'
import {
  afterwards,
  changesOf,
  cutOf,
  inForce,
  levels,
  limitFields,
  patchOf,
  type Change,
  type LimitField,
  type Typed,
} from './limitsForm'

export function LimitsPage() {
  const { t } = useTranslation('operate')
  const query = useLimits()
  return (
    <Page title={t('limits.title')} lead={t('limits.lead')}>
      {query.data ? (
        <>
          <Stale error={query.error} />
          <LimitsForm limits={query.data} />
        </>
      ) : query.error ? (
        <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <Loading rows={4} />
      )}
    </Page>
  )
}

/** What is typed lies over what is in force: untouched fields follow the system, touched ones stay. */
function LimitsForm({ limits }: { limits: Limits }) {
  const { t } = useTranslation('operate')
  const [typed, setTyped] = useState<Typed>({})
  const [isAsking, setAsking] = useState(false)
  const patch = usePatchLimits()
  const failureText = useFailureText()
  const tellIfGone = useTellIfGone('limits')
  const say = useOutcome((state) => state.say)
  const { changes, errors } = changesOf(limits, typed)
  const isWrong = Object.keys(errors).length > 0

  const cuts = levels.filter((level) => cutOf(level, inForce(limits), afterwards(limits, typed)))

  async function send(): Promise<void> {
    await patch.mutateAsync(patchOf(changes))
    setTyped({})
  }

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault()
    if (isWrong || changes.length === 0 || patch.isPending) return
    if (cuts.length > 0) {
      setAsking(true)
      return
    }
    try {
      await send()
      say('good', t('limits.done'))
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      // The mutation keeps it, and the notice below says it.
      tellIfGone(error)
    }
  }

  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="grid gap-5">
      <div className="grid gap-5 md:grid-cols-2">
        {levels.map((level) => (
          <Panel key={level} title={t(`limits.level.${level}`)}>
            <p className="-mt-2 mb-4 text-muted">{t(`limits.about.${level}`)}</p>
            <div className="grid items-start gap-4 sm:grid-cols-2">
              {limitFields
                .filter((field) => field.startsWith(`${level}.`))
                .map((field) => (
                  <LimitInput
                    key={field}
                    field={field}
                    limits={limits}
                    typed={typed}
                    error={errors[field]}
                    onType={(text) => setTyped({ ...typed, [field]: text })}
                  />
                ))}
            </div>
          </Panel>
        ))}
      </div>
      <Changes changes={changes} />
      {patch.error && !isAsking && (
        <Notice tone="bad" isLive>
          {failureText('limits', patch.error)}
        </Notice>
      )}
      <div className="flex flex-wrap gap-2">
        <Button
          type="submit"
          tone="primary"
          isBusy={patch.isPending}
          disabled={isWrong || changes.length === 0}
        >
          {t('limits.apply')}
        </Button>
        <Button disabled={Object.keys(typed).length === 0} onClick={() => setTyped({})}>
          {t('limits.reset')}
        </Button>
      </div>
      <Confirm
        isOpen={isAsking}
        onClose={() => setAsking(false)}
        title={t('limits.cutTitle')}
        label={t('limits.apply')}
        isDanger
        action="limits"
        run={send}
        done={t('limits.done')}
      >
        <p>{t('limits.cutText')}</p>
        <Changes changes={changes} />
      </Confirm>
    </form>
  )
}

/** What "Apply" would do, before it does. */
function Changes({ changes }: { changes: readonly Change[] }) {
  const { t } = useTranslation('operate')
  const value = (field: LimitField, number: number): string =>
    number === 0 && (field.endsWith('rate_per_s') || field === 'user.count')
      ? t('limits.unlimited')
      : String(number)
  return (
    <div className="min-h-14">
      {changes.length === 0 ? (
        <p className="text-muted">{t('limits.same')}</p>
      ) : (
        <ul className="grid gap-1">
          {changes.map(({ field, from, to }) => {
            const [level, name] = field.split('.') as [(typeof levels)[number], 'burst']
            return (
              <li key={field}>
                {t(`limits.level.${level}`)} · {t(`limits.field.${name}`)}
                {': '}
                <span className="figures font-semibold">
                  {t('limits.change', { from: value(field, from), to: value(field, to) })}
                </span>
              </li>
            )
          })}
        </ul>
      )}
    </div>
  )
}

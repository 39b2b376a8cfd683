import { ApiError } from '@/shared/api/error'
import type { ActorKind } from '@/shared/api/types'
import { Button } from '@/shared/ui/Button'
import { useId, useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { useScaleActors } from '../api/scaleActors'
import { Confirm } from '../ui/Confirm'
import { useFailureText } from '../ui/failure'
import { useOutcome } from '../ui/outcome'
import { COUNT_MAX, minOf, readCount, scalingOf, stepCount } from './scaling'

/** How many processes there should be. Until they are there it says so. */
export function CountForm({ kind, present }: { kind: ActorKind; present: number }) {
  const { t } = useTranslation('operate')
  const id = useId()
  const [typed, setTyped] = useState<string | null>(null)
  const [goal, setGoal] = useState<number | null>(null)
  const [isAsking, setAsking] = useState(false)
  const scale = useScaleActors()
  const failureText = useFailureText()
  const say = useOutcome((state) => state.say)

  // Reached: from now on what is there counts, whoever changes it.
  if (goal !== null && goal === present) setGoal(null)
  const text = typed ?? String(goal ?? present)
  const reading = readCount(text, kind)
  const wanted = 'value' in reading ? reading.value : null
  const name = t(`kind.${kind}.name`)
  const done = t('actors.done', { kind: name, count: wanted ?? 0 })

  async function send(count: number): Promise<void> {
    await scale.mutateAsync({ kind, count })
    setGoal(count)
    setTyped(null)
  }

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault()
    if (wanted === null || scale.isPending) return
    if (scalingOf(goal ?? present, wanted) === 'none') {
      setAsking(true)
      return
    }
    try {
      await send(wanted)
      say('good', done)
    } catch (error) {
      if (error instanceof ApiError) say('bad', failureText('scale', error))
    }
  }

  const error = 'error' in reading ? t(`invalid.${reading.error}`, { max: COUNT_MAX }) : null
  const step = (by: 1 | -1): void => setTyped(stepCount(text, kind, by, goal ?? present))
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="w-full sm:w-auto">
      <label htmlFor={id} className="mb-1 block text-sm font-semibold">
        {t('actors.wanted')}
      </label>
      <div className="flex gap-2">
        <Button
          aria-label={t('actors.fewer', { kind: name })}
          disabled={(wanted ?? present) <= minOf(kind)}
          onClick={() => step(-1)}
        >
          <span aria-hidden="true">{'−'}</span>
        </Button>
        <input
          id={id}
          inputMode="numeric"
          autoComplete="off"
          value={text}
          aria-invalid={error ? true : undefined}
          aria-describedby={`${id}-note`}
          onChange={(event) => setTyped(event.target.value)}
          className="figures min-h-11 w-16 rounded-lg border border-edge bg-card px-2 text-center text-lg aria-[invalid=true]:border-bad"
        />
        <Button
          aria-label={t('actors.more', { kind: name })}
          disabled={(wanted ?? present) >= COUNT_MAX}
          onClick={() => step(1)}
        >
          <span aria-hidden="true">{'+'}</span>
        </Button>
        <Button
          type="submit"
          tone="primary"
          isBusy={scale.isPending}
          disabled={wanted === null || wanted === (goal ?? present)}
          aria-label={t('actors.applyTo', { kind: name })}
        >
          {t('actors.apply')}
        </Button>
      </div>
      <p
        id={`${id}-note`}
        className={`mt-1 min-h-5 text-sm ${error ? 'font-semibold text-bad' : 'text-muted'}`}
      >
        {error ?? (goal !== null && goal !== present ? t('actors.onTheWay', { present, goal }) : '')}
      </p>
      <Confirm
        isOpen={isAsking}
        onClose={() => setAsking(false)}
        title={t('actors.noneTitle', { kind: name })}
        label={t('actors.noneConfirm')}
        isDanger
        action="scale"
        run={() => send(0)}
        done={done}
      >
        <p>{t(`kind.${kind}.without`)}</p>
        <p>{t('actors.noneText')}</p>
      </Confirm>
    </form>
  )
}

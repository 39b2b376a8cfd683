import { ApiError } from '@/shared/api/error'
import { Button } from '@/shared/ui/Button'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMoveSale } from '../api/moveSale'
import type { OperatorSale } from '../api/types'
import { Confirm } from '../ui/Confirm'
import { useFailureText } from '../ui/failure'
import { useOutcome } from '../ui/outcome'
import { isFinal, type Step } from './rules'

// A running sale needs nothing; a draft and a paused one wait for somebody.
const tones = { publish: 'primary', resume: 'primary', pause: 'quiet', end: 'danger' } as const

/** One step of a sale. What cannot be taken back asks first; the rest acts at once and says what came of it. */
export function StepButton({
  sale,
  step,
  isQuiet = false,
}: {
  sale: OperatorSale
  step: Step
  isQuiet?: boolean
}) {
  const { t } = useTranslation('operate')
  const [isAsking, setAsking] = useState(false)
  const move = useMoveSale(sale.sale_id)
  const failureText = useFailureText()
  const say = useOutcome((state) => state.say)
  const done = t(`step.${step}.done`, { title: sale.title })

  async function act(): Promise<void> {
    try {
      await move.mutateAsync(step)
      say('good', done)
    } catch (error) {
      if (error instanceof ApiError) say('bad', failureText(step, error))
    }
  }

  return (
    <>
      <Button
        tone={isQuiet ? 'quiet' : tones[step]}
        isBusy={move.isPending && !isAsking}
        aria-label={t('step.label', { step: t(`step.${step}.do`), title: sale.title })}
        onClick={() => (isFinal(step) ? setAsking(true) : void act())}
      >
        {t(`step.${step}.do`)}
      </Button>
      <Confirm
        isOpen={isAsking}
        onClose={() => setAsking(false)}
        title={t(`step.${step}.title`, { title: sale.title })}
        label={t(`step.${step}.confirm`)}
        isDanger={step === 'end'}
        action={step}
        run={() => move.mutateAsync(step)}
        done={done}
      >
        <p>{t(step === 'end' && sale.state === 'draft' ? 'step.end.draft' : `step.${step}.happens`)}</p>
      </Confirm>
    </>
  )
}

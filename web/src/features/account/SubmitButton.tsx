import { Button } from '@/shared/ui/Button'
import { useTranslation } from 'react-i18next'

/** Sends the form; waits, and says how long, when the server asked for time. */
export function SubmitButton({ label, isBusy, waitS }: { label: string; isBusy: boolean; waitS: number }) {
  const { t } = useTranslation('account')
  return (
    <Button type="submit" tone="primary" isBusy={isBusy || waitS > 0} className="figures w-full">
      {!isBusy && waitS > 0 ? t('again', { seconds: waitS }) : label}
    </Button>
  )
}

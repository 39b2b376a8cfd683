import type { SaleState } from '@/shared/api/types'
import { Badge, type NoticeTone } from '@/shared/ui/Notice'
import { useTranslation } from 'react-i18next'

const tones: Record<SaleState, NoticeTone | 'plain'> = {
  scheduled: 'info',
  live: 'good',
  paused: 'warn',
  sold_out: 'plain',
  ended: 'plain',
}

export function StateBadge({ state }: { state: SaleState }) {
  const { t } = useTranslation('sales')
  return <Badge tone={tones[state]}>{t(`state.${state}`)}</Badge>
}

import { Badge, type NoticeTone } from '@/shared/ui/Notice'
import { useTranslation } from 'react-i18next'
import type { OperatorSale } from '../api/types'
import type { OperatorState } from './rules'

const tones: Record<OperatorState, NoticeTone | 'plain'> = {
  draft: 'plain',
  scheduled: 'info',
  live: 'good',
  paused: 'warn',
  sold_out: 'info',
  ended: 'plain',
}

export function StateBadge({ sale }: { sale: Pick<OperatorSale, 'state' | 'recovering'> }) {
  const { t } = useTranslation('operate')
  return (
    <span className="inline-flex flex-wrap gap-1">
      <Badge tone={tones[sale.state]}>{t(`state.${sale.state}`)}</Badge>
      {sale.recovering && <Badge tone="bad">{t('state.recovering')}</Badge>}
    </span>
  )
}

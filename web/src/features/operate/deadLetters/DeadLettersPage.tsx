import { Empty, Page } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'
import { useDeadLetters } from '../api/listDeadLetters'
import { Pages } from '../ui/Pages'
import { Letter } from './Letter'

export function DeadLettersPage() {
  const { t } = useTranslation('operate')
  const query = useDeadLetters()
  const letters = query.data?.pages.flatMap((page) => page.dead_letters) ?? []
  return (
    <Page title={t('letters.title')} lead={t('letters.lead')}>
      <Pages query={query}>
        {letters.length === 0 ? (
          <Empty title={t('letters.none')}>{t('letters.noneText')}</Empty>
        ) : (
          <ul className="grid gap-5">
            {letters.map((letter) => (
              <Letter key={letter.id} letter={letter} />
            ))}
          </ul>
        )}
      </Pages>
      <p className="mt-6 text-sm text-muted">
        {t('letters.console')} <code>{'minishop dlq list'}</code>
      </p>
    </Page>
  )
}

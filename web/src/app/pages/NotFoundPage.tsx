import { ButtonLink } from '@/shared/ui/Button'
import { Page } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'

export function NotFoundPage() {
  const { t } = useTranslation()
  return (
    <Page title={t('notFound.title')} lead={t('notFound.text')}>
      <ButtonLink to="/" tone="primary">
        {t('notFound.home')}
      </ButtonLink>
    </Page>
  )
}

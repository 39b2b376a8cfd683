import { loadOperateTexts } from '@/shared/i18n'
import { Page } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'

await loadOperateTexts()

export default function Operate() {
  const { t } = useTranslation('operate')
  return <Page title={t('title')}>{null}</Page>
}

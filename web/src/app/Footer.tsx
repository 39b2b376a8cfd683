import { chooseLanguage, languages, type Language } from '@/shared/i18n'
import { useTheme, type Theme } from '@/shared/lib/theme'
import { useTranslation } from 'react-i18next'

const select = 'min-h-11 rounded-lg border border-edge bg-card px-2 text-ink'
const themes: readonly Theme[] = ['system', 'light', 'dark']

export function Footer() {
  const { t, i18n } = useTranslation()
  const { theme, choose } = useTheme()
  return (
    <footer className="mt-12 border-t border-line">
      <div className="mx-auto flex max-w-6xl flex-wrap items-center justify-between gap-4 px-4 py-6 text-sm text-muted sm:px-6">
        <p>{t('footer.promise')}</p>
        <div className="flex flex-wrap gap-4">
          <label className="inline-flex items-center gap-2">
            {t('language.label')}
            <select
              className={select}
              value={i18n.language}
              onChange={(event) => void chooseLanguage(event.target.value as Language)}
            >
              {languages.map((language) => (
                <option key={language} value={language}>
                  {t(`language.${language}`)}
                </option>
              ))}
            </select>
          </label>
          <label className="inline-flex items-center gap-2">
            {t('theme.label')}
            <select
              className={select}
              value={theme}
              onChange={(event) => choose(event.target.value as Theme)}
            >
              {themes.map((name) => (
                <option key={name} value={name}>
                  {t(`theme.${name}`)}
                </option>
              ))}
            </select>
          </label>
        </div>
      </div>
    </footer>
  )
}

/** Two languages. English is in the first download; Chinese, and what only operators read, come when they are wanted. */
import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import { shop as en } from './en'

export const languages = ['en', 'zh'] as const
export type Language = (typeof languages)[number]

const KEY = 'minishop.language' // also read by public/early.js
const TAGS: Record<Language, string> = { en: 'en', zh: 'zh-CN' }

export function preferredLanguage(): Language {
  try {
    const stored = localStorage.getItem(KEY)
    if (stored?.startsWith('zh')) return 'zh'
    if (stored) return 'en'
  } catch {
    // the browser's own preference then
  }
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}

async function load(language: Language): Promise<void> {
  if (language === 'zh' && !i18next.hasResourceBundle('zh', 'common')) {
    const { shop } = await import('./zh')
    for (const [name, texts] of Object.entries(shop)) i18next.addResourceBundle('zh', name, texts)
  }
}

/** Texts of orders and account, in both languages; called by what loads those pages. */
export async function loadLaterTexts(): Promise<void> {
  const [en, zh] = await Promise.all([import('./en/later'), import('./zh/later')])
  for (const [language, { later }] of Object.entries({ en, zh }))
    for (const [name, texts] of Object.entries(later)) i18next.addResourceBundle(language, name, texts)
}

/** Texts of the operators' pages, in both languages; called by what loads those pages. */
export async function loadOperateTexts(): Promise<void> {
  const [en, zh] = await Promise.all([import('./en/operate'), import('./zh/operate')])
  i18next.addResourceBundle('en', 'operate', en.operate)
  i18next.addResourceBundle('zh', 'operate', zh.operate)
}

export async function startI18n(language: Language): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    ns: Object.keys(en),
    defaultNS: 'common',
    resources: { en },
    interpolation: { escapeValue: false }, // React escapes
    react: { useSuspense: false },
  })
  // Texts that do not come must not keep the page white: English is here.
  if (language !== 'en') await chooseLanguage(language).catch(() => undefined)
}

export async function chooseLanguage(language: Language): Promise<void> {
  await load(language)
  await i18next.changeLanguage(language)
  document.documentElement.lang = TAGS[language]
  try {
    localStorage.setItem(KEY, TAGS[language])
  } catch {
    // for this page only
  }
}

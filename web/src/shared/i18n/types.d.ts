import type { shop } from './en'
import type { later } from './en/later'
import type { operate } from './en/operate'

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'common'
    resources: typeof shop & typeof later & { operate: typeof operate }
  }
}

import type { shop } from './en'
import type { operate } from './en/operate'

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'common'
    resources: typeof shop & { operate: typeof operate }
  }
}

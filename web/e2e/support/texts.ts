/** The catalogues of the pages: tests find things by what people read. */
import { operate as operateEn } from '../../src/shared/i18n/en/operate'
import { operate as operateZh } from '../../src/shared/i18n/zh/operate'
import { shop as shopEn } from '../../src/shared/i18n/en'
import { later as laterEn } from '../../src/shared/i18n/en/later'
import { shop as shopZh } from '../../src/shared/i18n/zh'
import { later as laterZh } from '../../src/shared/i18n/zh/later'

export const en = { ...shopEn, ...laterEn, operate: operateEn }
export const zh = { ...shopZh, ...laterZh, operate: operateZh }

/** A text with places, `{{n}}`, as a pattern of what is shown. */
export function like(text: string): RegExp {
  const escaped = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(escaped.replace(/\\\{\\\{[^}]*\\\}\\\}/g, '.+?'))
}

/** All texts of a catalogue, with their names. */
export function flat(texts: object, prefix = ''): Map<string, string> {
  const found = new Map<string, string>()
  for (const [name, text] of Object.entries(texts) as [string, unknown][])
    if (typeof text === 'string') found.set(prefix + name, text)
    else if (typeof text === 'object' && text !== null)
      for (const [inner, value] of flat(text, `${prefix}${name}.`)) found.set(inner, value)
  return found
}

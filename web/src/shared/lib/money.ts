const FORMATS_MAX = 32
const formats = new Map<string, Intl.NumberFormat>()

/** A format takes a phone 10 ms to make, and a page of sales asks for a hundred. */
function formatOf(currency: string, language: string): Intl.NumberFormat {
  const key = `${language} ${currency}`
  const known = formats.get(key)
  if (known) return known
  if (formats.size >= FORMATS_MAX) formats.clear()
  const made = new Intl.NumberFormat(language, { style: 'currency', currency })
  formats.set(key, made)
  return made
}

/** Money is integer minor units; how many there are to a unit depends on the currency. */
export function formatMoney(cents: number, currency: string, language: string): string {
  try {
    const format = formatOf(currency, language)
    const digits = format.resolvedOptions().maximumFractionDigits ?? 2
    return format.format(cents / 10 ** digits)
  } catch {
    return `${(cents / 100).toFixed(2)} ${currency}` // a currency that the browser does not know
  }
}

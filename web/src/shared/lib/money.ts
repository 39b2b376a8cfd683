/** Money is integer minor units; how many there are to a unit depends on the currency. */
export function formatMoney(cents: number, currency: string, language: string): string {
  try {
    const format = new Intl.NumberFormat(language, { style: 'currency', currency })
    const digits = format.resolvedOptions().maximumFractionDigits ?? 2
    return format.format(cents / 10 ** digits)
  } catch {
    return `${(cents / 100).toFixed(2)} ${currency}` // a currency that the browser does not know
  }
}

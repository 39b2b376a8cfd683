/** Money is typed in major units ("49.90") and sent in integer minor units; no floating point in between. */

export type MoneyError = 'required' | 'money' | 'decimals' | 'priceRange'
export type MoneyReading = { value: number } | { error: MoneyError }

const PRICE_MAX = 1_000_000_000
const DIGITS_DEFAULT = 2

/** How many minor digits a currency has: 2 for EUR, 0 for JPY, 3 for KWD. */
export function currencyDigits(currency: string): number {
  try {
    const format = new Intl.NumberFormat('en', { style: 'currency', currency })
    return format.resolvedOptions().maximumFractionDigits ?? DIGITS_DEFAULT
  } catch {
    return DIGITS_DEFAULT // not a currency yet: somebody is typing
  }
}

/** Reads "49", "49.9", "49,90"; no thousands separators, since "1.000" means two things. */
export function readMoney(text: string, digits: number): MoneyReading {
  const trimmed = text.trim()
  if (trimmed === '') return { error: 'required' }
  const match = /^(\d+)(?:[.,](\d*))?$/.exec(trimmed)
  if (!match) return { error: 'money' }
  const whole = match[1] ?? ''
  const fraction = (match[2] ?? '').replace(/0+$/, '')
  if (fraction.length > digits) return { error: 'decimals' }
  const minor = (whole + fraction.padEnd(digits, '0')).replace(/^0+(?=\d)/, '')
  if (minor.length > String(PRICE_MAX).length || Number(minor) > PRICE_MAX) return { error: 'priceRange' }
  return { value: Number(minor) }
}

/** The text that `readMoney` reads back to the same number. */
export function writeMoney(cents: number, digits: number): string {
  if (digits === 0) return String(cents)
  const padded = String(cents).padStart(digits + 1, '0')
  return `${padded.slice(0, -digits)}.${padded.slice(-digits)}`
}

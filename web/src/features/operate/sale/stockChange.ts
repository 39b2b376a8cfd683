import { byteLength } from '../ui/byteLength'

export interface StockForm {
  direction: 'add' | 'take'
  units: string
  reason: string
}

export type StockError = 'required' | 'units' | 'tooLong'
export type StockReading =
  { delta: number; reason: string } | { errors: { units?: StockError; reason?: StockError } }

const UNITS_MAX = 10_000_000
const REASON_BYTES_MAX = 200

export function readStock(form: StockForm): StockReading {
  const errors: { units?: StockError; reason?: StockError } = {}
  const text = form.units.trim()
  const units = /^\d+$/.test(text) ? Number(text) : 0
  if (text === '') errors.units = 'required'
  else if (units < 1 || units > UNITS_MAX) errors.units = 'units'
  const reason = form.reason.trim()
  if (reason === '') errors.reason = 'required'
  else if (byteLength(reason) > REASON_BYTES_MAX) errors.reason = 'tooLong'
  if (errors.units ?? errors.reason) return { errors }
  return { delta: form.direction === 'add' ? units : -units, reason }
}

export interface Sending {
  key: string
  delta: number
  reason: string
}

/** The same change keeps its key, so that sending it again is not a second change; another change gets its own. */
export function sendingOf(
  last: Sending | null,
  change: { delta: number; reason: string },
  makeKey: () => string,
): Sending {
  if (last?.delta === change.delta && last.reason === change.reason) return last
  return { key: makeKey(), ...change }
}

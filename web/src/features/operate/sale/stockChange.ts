import { byteLength } from '../ui/byteLength'

export interface StockForm {
  direction: 'add' | 'take'
  units: string
  reason: string
}

export type StockError = 'required' | 'units' | 'tooLong'
export type StockReading =
  { delta: number; reason: string } | { errors: { units?: StockError; reason?: StockError } }

export function formOf({ delta, reason }: { delta: number; reason: string }): StockForm {
  return { direction: delta > 0 ? 'add' : 'take', units: String(Math.abs(delta)), reason }
}

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

/** A change that has no answer yet keeps its key, so that sending it again is not a second change; another change gets its own. */
export function sendingOf(
  unanswered: readonly Sending[],
  change: { delta: number; reason: string },
  makeKey: () => string,
): Sending {
  const same = unanswered.find(({ delta, reason }) => delta === change.delta && reason === change.reason)
  return same ?? { key: makeKey(), ...change }
}

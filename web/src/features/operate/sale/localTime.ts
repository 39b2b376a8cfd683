/** A moment as `<input type="datetime-local">` shows it: on this device's wall clock, to the second. */

export type TimeError = 'required' | 'time' | 'noSuchTime' | 'timeRange'
export type TimeReading = { value: number } | { error: TimeError }

const TIME_MAX_MS = 9_007_199_254_739 // the contract's SaleTime
const SHAPE = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,3})?)?$/

function pad(value: number, length = 2): string {
  return String(value).padStart(length, '0')
}

export function writeLocalTime(ms: number): string {
  const at = new Date(ms)
  const day = `${pad(at.getFullYear(), 4)}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`
  return `${day}T${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`
}

/** An hour that is skipped when clocks go forward is refused, not moved. Of an hour that comes twice the first is meant. */
export function readLocalTime(text: string): TimeReading {
  const trimmed = text.trim()
  if (trimmed === '') return { error: 'required' }
  const match = SHAPE.exec(trimmed)
  if (!match) return { error: 'time' }
  const [year, month, day, hour, minute, second] = match.slice(1).map((part) => Number(part || 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const at = new Date(year, month - 1, day, hour, minute, second)
  if (writeLocalTime(at.getTime()) !== `${trimmed.slice(0, 16)}:${pad(second)}`)
    return { error: 'noSuchTime' }
  const ms = at.getTime()
  return ms >= 0 && ms <= TIME_MAX_MS ? { value: ms } : { error: 'timeRange' }
}

/** The wall clock that is meant, such as "Europe/Berlin". */
export function zoneName(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** A moment, as people of the language write it. */
export function formatMoment(ms: number, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(ms)
}

/** A moment with seconds, for timelines. */
export function formatInstant(ms: number, language: string): string {
  return new Intl.DateTimeFormat(language, {
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
  }).format(ms)
}

export interface Span {
  days: number
  hours: number
  minutes: number
  seconds: number
  millis: number
}

/** Splits a duration; a negative one counts as 0. */
export function splitSpan(ms: number): Span {
  const left = Math.max(0, Math.floor(ms))
  return {
    days: Math.floor(left / 86_400_000),
    hours: Math.floor(left / 3_600_000) % 24,
    minutes: Math.floor(left / 60_000) % 60,
    seconds: Math.floor(left / 1000) % 60,
    millis: left % 1000,
  }
}

export function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}

/** A length in its largest unit that divides it: 900 s are 15 minutes, 5400 s are 90, 7200 s are 2 hours. */
export function wholeSpan(seconds: number): { unit: 'Seconds' | 'Minutes' | 'Hours'; count: number } {
  if (seconds % 3600 === 0) return { unit: 'Hours', count: seconds / 3600 }
  if (seconds % 60 === 0) return { unit: 'Minutes', count: seconds / 60 }
  return { unit: 'Seconds', count: seconds }
}

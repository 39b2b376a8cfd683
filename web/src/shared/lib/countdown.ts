import { splitSpan, twoDigits } from './time'

/** `precise`: to the millisecond; `calm`: whole seconds, rounded up, so that 0 is only shown when the moment has come. */
export function countdownText(
  leftMs: number,
  mode: 'precise' | 'calm',
): { days: number; clock: string; rest: string } {
  const ms = mode === 'calm' ? Math.ceil(Math.max(0, leftMs) / 1000) * 1000 : Math.max(0, leftMs)
  const { days, hours, minutes, seconds, millis } = splitSpan(ms)
  return {
    days,
    clock: `${twoDigits(hours)}:${twoDigits(minutes)}:${twoDigits(seconds)}`,
    rest: mode === 'precise' ? `.${String(millis).padStart(3, '0')}` : '',
  }
}

const MARKS_MS = [3_600_000, 600_000, 300_000, 240_000, 180_000, 120_000, 60_000, 30_000, 10_000, 0] as const

/** The mark passed between two looks, for readers, who are not told every second. Of several the last one counts. */
export function passedMark(beforeMs: number, nowMs: number): number | null {
  let passed: number | null = null
  for (const mark of MARKS_MS) if (beforeMs > mark && nowMs <= mark) passed = mark
  return passed
}

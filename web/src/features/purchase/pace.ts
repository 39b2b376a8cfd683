/** When an attempt goes on by itself: pure. */
import type { Intent } from './model'

/** An attempt is sent again by itself this long after the tap; then only the shopper can. */
export const FRESH_MS = 60_000
export const BACK_OFF_MS = 1000
const BACK_OFF_MAX_MS = 60_000
const JITTER_SHARE = 0.2

/** A clock that was set back makes an attempt old: then it is not sent without the shopper. */
export function isFresh(intent: Intent, nowMs: number): boolean {
  const ageMs = nowMs - intent.startedAtMs
  return ageMs >= 0 && ageMs <= FRESH_MS
}

/** A first "not now" waits as long as the server says; what fails again waits longer. `dice` in [0, 1) spreads a crowd. */
export function waitMs(failures: number, serverMs: number, dice: number): number {
  const backOffMs =
    failures > 1 ? Math.min(BACK_OFF_MAX_MS, BACK_OFF_MS * 2 ** Math.min(failures - 2, 10)) : 0
  return Math.round(Math.max(serverMs, backOffMs) * (1 + dice * JITTER_SHARE))
}

/** A hidden tab brings what was tapped just now to its end; what takes longer waits until somebody looks. */
export function mayDrive(intent: Intent | null, nowMs: number, isHidden: boolean): boolean {
  return !isHidden || (intent !== null && isFresh(intent, nowMs))
}

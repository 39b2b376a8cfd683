/** How often pages ask. The server paces: `Retry-After` of a refusal and `max-age` of an answer are never undercut. */

export interface Pace {
  /** ms: the page's own wish. */
  floorMs: number
  /** ms, from Cache-Control of the last answer. */
  maxAgeMs?: number | undefined
  /** ms, from Retry-After of the last refusal. */
  retryAfterMs?: number | undefined
  /** Failures in a row. */
  failures: number
}

const BACK_OFF_MAX_MS = 60_000
const JITTER_SHARE = 0.2

/** ms until the next question. `dice` in [0, 1) spreads a crowd that opened the page together. */
export function nextPollMs(pace: Pace, dice: number): number {
  const backOff =
    pace.failures > 0 ? Math.min(BACK_OFF_MAX_MS, pace.floorMs * 2 ** Math.min(pace.failures, 10)) : 0
  const wait = Math.max(pace.floorMs, pace.maxAgeMs ?? 0, pace.retryAfterMs ?? 0, backOff)
  return Math.round(wait * (1 + dice * JITTER_SHARE))
}

// Differs from tab to tab, so that a crowd does not ask together.
const TAB_SEED = Math.random()

/**
 * A die for a poll that stays as it fell until the next answer: what is thrown anew at every look would restart the timer at every look.
 * @param turn rises with every answer
 */
export function steadyDice(turn: number, seed = TAB_SEED): number {
  const mixed = Math.sin((turn % 100_000) * 12.9898 + seed * 78.233) * 43_758.5453
  return mixed - Math.floor(mixed)
}

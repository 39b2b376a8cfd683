/** The device's clock against the shop's, in words' terms. */
export function deviceDifference(aheadMs: number, errorMs: number): 'same' | 'ahead' | 'behind' {
  if (Math.abs(aheadMs) <= errorMs) return 'same'
  return aheadMs > 0 ? 'ahead' : 'behind'
}

/** A span in the unit that says it best. */
export function spanOf(ms: number): { unit: 'ms' | 's' | 'min'; value: number } {
  if (ms < 1000) return { unit: 'ms', value: Math.round(ms) }
  if (ms < 120_000) return { unit: 's', value: Math.round(ms / 100) / 10 }
  return { unit: 'min', value: Math.round(ms / 60_000) }
}

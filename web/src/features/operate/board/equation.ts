import type { Audit } from '@/shared/api/types'

export const faultNames = ['oversold', 'lost', 'duplicated', 'leaked'] as const
export type FaultName = (typeof faultNames)[number]

export interface Equation {
  /** Right side: gate_left + in_flight + pending_payment + paid. */
  sum: number
  /** stock_total − sum: positive = units are missing, negative = too many. */
  difference: number
  faults: { name: FaultName; units: number }[]
  /** The equation holds, nothing is wrong, and the server says so too. */
  isBalanced: boolean
}

/** The books of a sale. What the server says and what the numbers say must agree; green needs both. */
export function readAudit(audit: Audit): Equation {
  const sum = audit.gate_left + audit.in_flight + audit.pending_payment + audit.paid
  const difference = audit.stock_total - sum
  const faults = faultNames.map((name) => ({ name, units: audit[name] })).filter(({ units }) => units !== 0)
  return { sum, difference, faults, isBalanced: audit.balanced && difference === 0 && faults.length === 0 }
}

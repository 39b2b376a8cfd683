import { describe, expect, it } from 'vitest'
import { auditOf } from '../test/samples'
import { faultNames, readAudit } from './equation'

describe('the books of a sale', () => {
  it('are green if the sum is right, nothing is wrong, and the server says so', () => {
    expect(readAudit(auditOf())).toEqual({ sum: 200, difference: 0, faults: [], isBalanced: true })
  })

  it('count what is in flight', () => {
    expect(readAudit(auditOf({ gate_left: 168, in_flight: 3 })).isBalanced).toBe(true)
  })

  it.each([
    [{ gate_left: 170 }, 1],
    [{ paid: 10 }, -2],
    [{ in_flight: 5 }, -5],
  ])('are red if the sides differ, even if the server thought otherwise: %j', (changes, difference) => {
    expect(readAudit(auditOf(changes))).toMatchObject({ difference, isBalanced: false })
  })

  it.each(faultNames)('are red if units are %s, although the sum is right', (name) => {
    const equation = readAudit(auditOf({ [name]: 2 }))
    expect(equation).toMatchObject({ difference: 0, isBalanced: false, faults: [{ name, units: 2 }] })
  })

  it('are red if the server says so', () => {
    expect(readAudit(auditOf({ balanced: false })).isBalanced).toBe(false)
  })

  it('stay green after a lost disk: those orders were rejected, and it is said elsewhere', () => {
    expect(readAudit(auditOf({ lost_with_disk: 4 })).isBalanced).toBe(true)
  })
})

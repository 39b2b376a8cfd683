import { describe, expect, it } from 'vitest'
import { limitsOf } from '../test/samples'
import {
  afterwards,
  changesOf,
  inForce,
  limitFields,
  numberIn,
  patchOf,
  readLimit,
  warningOf,
  type Typed,
} from './limitsForm'

describe('the limits form', () => {
  it('finds every number', () => {
    expect(limitFields.map((field) => numberIn(limitsOf(), field))).toEqual([
      200, 400, 50, 1000, 0, 0, 5000, 0,
    ])
  })

  it.each([
    ['ip.burst', '', { error: 'required' }],
    ['ip.burst', '1.0', { error: 'wholeNumber' }],
    ['ip.burst', '-1', { error: 'wholeNumber' }],
    ['ip.burst', '100000001', { error: 'limitValue' }],
    ['ip.burst', '100000000', { value: 100_000_000 }],
    ['user.count', '0', { value: 0 }],
    ['user.window_ms', '0', { error: 'window' }],
    ['user.window_ms', '1', { value: 1 }],
    ['user.window_ms', '3600000', { value: 3_600_000 }],
    ['user.window_ms', '3600001', { error: 'window' }],
  ] as const)('%s %j is %j', (field, text, reading) => {
    expect(readLimit(field, text)).toEqual(reading)
  })

  it('sends only what is different from what is in force', () => {
    const { changes, errors } = changesOf(limitsOf(), {
      'ip.rate_per_s': '200',
      'ip.burst': '500',
      'user.count': '60',
      'user.window_ms': '0',
    })
    expect(patchOf(changes)).toEqual({ ip: { burst: 500 }, user: { count: 60 } })
    expect(errors).toEqual({ 'user.window_ms': 'window' })
    expect(patchOf(changesOf(limitsOf(), {}).changes)).toEqual({})
  })

  it('follows what others change: what was different is not any more', () => {
    const typed: Typed = { 'ip.burst': '500' }
    expect(changesOf({ ...limitsOf(), ip: { rate_per_s: 200, burst: 500 } }, typed).changes).toEqual([])
  })

  it.each([
    ['ip.rate_per_s', 0, 'unlimited'],
    ['user.count', 0, 'unlimited'],
    ['user.count', 49, 'strict'],
    ['user.count', 50, null],
    ['ip.rate_per_s', 20, null], // a tenth of what is in force
    ['ip.rate_per_s', 19, 'tenth'],
    ['global.rate_per_s', 5, 'tenth'],
    ['global.rate_per_s', 5_000_000, null],
    ['sale.rate_per_s', 0, 'unlimited'],
    ['sale.rate_per_s', 1_000_000, 'first'],
    ['user.count', 4, 'tenth'],
    ['user.window_ms', 10_000, null],
    ['user.window_ms', 10_001, 'tenth'],
    ['ip.burst', 0, 'burstOne'],
    ['sale.burst', 0, null], // its rate is unlimited
    ['ip.burst', 1, null],
    ['user.window_ms', 1, null],
  ] as const)('%s = %i warns: %s', (field, value, warning) => {
    const after = afterwards(limitsOf(), { [field]: String(value) })
    expect(warningOf(field, inForce(limitsOf()), after)).toBe(warning)
  })
})

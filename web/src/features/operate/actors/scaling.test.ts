import { describe, expect, it } from 'vitest'
import { kinds } from './crew'
import { minOf, readCount, scalingOf, stepCount } from './scaling'

describe('how many processes there should be', () => {
  it('at least one broker and one edge; of the others none is possible', () => {
    expect(kinds.filter((kind) => minOf(kind) === 1)).toEqual(['edge', 'broker'])
    for (const kind of kinds)
      expect(readCount('0', kind)).toEqual(minOf(kind) === 0 ? { value: 0 } : { error: 'needsOne' })
  })

  it.each([
    ['', { error: 'required' }],
    ['x', { error: 'count' }],
    ['-1', { error: 'count' }],
    ['1.5', { error: 'count' }],
    ['65', { error: 'count' }],
    ['99999999999999999999', { error: 'count' }],
    ['64', { value: 64 }],
    [' 3 ', { value: 3 }],
    ['007', { value: 7 }],
  ])('%j is %j', (text, reading) => {
    expect(readCount(text, 'seckill')).toEqual(reading)
  })

  it('none at all must be confirmed, more and fewer not', () => {
    expect([scalingOf(2, 2), scalingOf(2, 3), scalingOf(2, 1), scalingOf(2, 0), scalingOf(0, 0)]).toEqual([
      'same',
      'out',
      'in',
      'none',
      'same',
    ])
  })

  it('minus and plus stay within what is allowed, and recover from what cannot be read', () => {
    expect(stepCount('2', 'edge', 1, 2)).toBe('3')
    expect(stepCount('1', 'edge', -1, 2)).toBe('1')
    expect(stepCount('1', 'ordering', -1, 2)).toBe('0')
    expect(stepCount('64', 'edge', 1, 2)).toBe('64')
    expect(stepCount('many', 'edge', 1, 2)).toBe('3')
  })
})

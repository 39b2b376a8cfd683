import { describe, expect, it } from 'vitest'
import {
  canChangeStock,
  fieldOfDetail,
  isFinal,
  lockOf,
  saleFields,
  stepsOf,
  type OperatorState,
} from './rules'

const states: OperatorState[] = ['draft', 'scheduled', 'live', 'paused', 'sold_out', 'ended']

describe('what can be done with a sale', () => {
  it('by its state', () => {
    expect(Object.fromEntries(states.map((state) => [state, stepsOf(state).join(' ')]))).toEqual({
      draft: 'publish end',
      scheduled: 'pause end',
      live: 'pause end',
      paused: 'resume end',
      sold_out: 'pause end',
      ended: '',
    })
  })

  it('asks before what cannot be taken back', () => {
    expect((['publish', 'pause', 'resume', 'end'] as const).filter(isFinal)).toEqual(['publish', 'end'])
  })

  it('changes stock until the end', () => {
    expect(states.filter((state) => !canChangeStock(state))).toEqual(['ended'])
  })

  it('keeps fixed what the contract fixes', () => {
    const open = (state: OperatorState | 'new') => saleFields.filter((field) => lockOf(field, state) === null)
    expect(open('new')).toEqual(saleFields)
    expect(open('draft')).toEqual(saleFields)
    for (const state of ['scheduled', 'live', 'paused', 'sold_out'] as const)
      expect(open(state)).toEqual(['title', 'description', 'image_url', 'price', 'ends_at'])
    expect(open('ended')).toEqual([])
    expect(lockOf('title', 'ended')).toBe('ended')
    expect(lockOf('currency', 'live')).toBe('live')
  })
})

describe('the field that the server means', () => {
  it.each([
    ['"price_cents" is an integer from 0 to 1000000000', 'price'],
    ['"ends_at_ms" is after "starts_at_ms"', 'ends_at'],
    ['"title" has 1 to 200 bytes', 'title'],
    ['"delta" is an integer', null],
    ['Only application/json', null],
    ['', null],
  ])('%s → %s', (detail, field) => {
    expect(fieldOfDetail(detail)).toBe(field)
  })
})

/** The record of an unanswered payment: the first key stays until that key is answered; orders and shoppers do not meet in it. */
import { sessionHint } from '@/shared/api/sessionHint'
import { clearAttempts } from '@/shared/lib/storage'
import { beforeEach, describe, expect, it } from 'vitest'
import { beginAttempt, forgetAttempt, keptAttempt } from './attempt'

const attempt = (key: string) => ({ key, outcome: 'succeed' as const })
beforeEach(() => clearAttempts())

describe('the key of an unanswered payment', () => {
  it('is not replaced by a later tap', async () => {
    await beginAttempt('1', attempt('a'))
    expect(await beginAttempt('1', attempt('b'))).toEqual(attempt('a'))
    expect(await keptAttempt('1')).toEqual(attempt('a'))
  })

  it('is not lost when another order is paid at once', async () => {
    await Promise.all([beginAttempt('1', attempt('a')), beginAttempt('2', attempt('b'))])
    expect([await keptAttempt('1'), await keptAttempt('2')]).toEqual([attempt('a'), attempt('b')])
  })

  it('is not given up by an answer to another key', async () => {
    await beginAttempt('1', attempt('a'))
    await forgetAttempt('1', 'older')
    expect(await keptAttempt('1')).toEqual(attempt('a'))
    await forgetAttempt('1', 'a')
    expect(await keptAttempt('1')).toBeNull()
  })

  it('is its shopper’s alone', async () => {
    sessionHint.set('5')
    await beginAttempt('1', attempt('a'))
    sessionHint.set('6')
    expect(await keptAttempt('1')).toBeNull()
  })
})

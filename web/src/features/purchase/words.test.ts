/** What readers hear about a won order is what is seen: to pay, paid, or closed, and never "pay" when there is nothing to pay. */
import { startI18n } from '@/shared/i18n'
import i18next from 'i18next'
import { beforeAll, describe, expect, it } from 'vitest'
import { at, purchase } from './testAttempts'
import { spokenText } from './words'

beforeAll(() => startI18n('en'))

function spoken(status: typeof purchase.status): string {
  const attempt = at('won', { phase: { name: 'won', purchase: { ...purchase, status } } })
  return spokenText(i18next.getFixedT(i18next.language, 'purchase'), attempt, 'en', true)
}

describe('a won order, spoken', () => {
  it.each(['reserved', 'pending_payment'] as const)('%s: number, order, and when to pay', (status) => {
    expect(spoken(status)).toMatch(/^It is yours\. You were number 137\. Order o\. Pay before /)
  })

  it('paid', () => {
    expect(spoken('paid')).toBe('Paid. All done. You find it among your orders.')
  })

  it.each([
    ['cancelled', 'cancelled'],
    ['expired', 'not paid in time'],
    ['rejected', 'rejected'],
    ['refunded', 'refunded'],
  ] as const)('%s', (status, words) => {
    expect(spoken(status)).toBe(
      `This order is closed. It was ${words}, so nothing is held for you any more. You may buy again.`,
    )
  })

  it('in Chinese has Chinese stops', async () => {
    await i18next.changeLanguage('en')
    const { chooseLanguage } = await import('@/shared/i18n')
    await chooseLanguage('zh')
    expect(spoken('paid')).toBe('已付款。全部完成。您可以在订单中找到它。')
    await chooseLanguage('en')
  })
})

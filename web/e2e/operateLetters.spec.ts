import { expect, test } from './support/fixtures'
import { outcomeBar, sayOf } from './support/operatePage'
import { deadLetter } from './support/poison'
import { en } from './support/texts'

const { operate } = en

test('dead letters: read as JSON; one becomes an order after all, one is discarded @both', async ({
  shop,
  shopper,
  operatorPage: page,
}) => {
  const sale = await shop.sale()
  const kept = await deadLetter(shop, sale.sale_id, shopper)
  const unlucky = await shop.shopper()
  const dropped = await deadLetter(shop, sale.sale_id, unlucky)
  await page.goto('/operate/dead-letters')
  const letter = page.getByRole('listitem').filter({ hasText: sayOf(operate.letters.name, { id: kept.id }) })
  await letter.getByText(operate.letters.message, { exact: true }).click()
  const shown = JSON.parse((await letter.locator('pre').textContent()) ?? '') as unknown
  expect(shown).toEqual(kept.message)
  for (const [{ id }, way] of [
    [kept, 'requeue'],
    [dropped, 'discard'],
  ] as const) {
    await page.getByRole('button', { name: sayOf(operate.letters[way].label, { id }), exact: true }).click()
    await page.getByRole('dialog').getByRole('button', { name: operate.letters[way].do, exact: true }).click()
    await expect(outcomeBar(page)).toContainText(sayOf(operate.letters[way].done, { id }))
    await expect(
      page.getByRole('heading', { name: sayOf(operate.letters.name, { id }), exact: true }),
    ).toHaveCount(0)
  }
  const orderOf = (letterOf: typeof kept) => String(letterOf.message.order_id)
  expect(
    (await shop.untilOrder(orderOf(kept), shopper, ({ status }) => status === 'pending_payment')).status,
  ).toBe('pending_payment')
  expect((await shop.order(orderOf(dropped), unlucky)).status).toBe('rejected')
})

import type { Locator, Page } from '@playwright/test'
import { expect, signedIn, test } from './support/fixtures'
import { outcomeBar, sayOf } from './support/operatePage'
import { newName } from './support/shop'
import { en, like } from './support/texts'

/** Presses Tab until the target has the focus: it can be reached, and nothing on the way traps. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible()
  for (let presses = 0; presses < 80; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`not reached by Tab: ${String(target)}`)
}

async function press(page: Page, target: Locator, key = 'Enter'): Promise<void> {
  await tabTo(page, target)
  await page.keyboard.press(key)
}

async function type(page: Page, label: string, text: string): Promise<void> {
  await tabTo(page, page.getByLabel(label, { exact: true }))
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.type(text)
}

test('keyboard only: log in, buy, pay; buy again elsewhere and cancel', async ({
  browser,
  shop,
  shopper,
}) => {
  const { account, orders, purchase } = en
  const sales = [await shop.sale(), await shop.sale()]
  const context = await browser.newContext({ baseURL: shop.url })
  const page = await context.newPage()
  await page.goto(`/sales/${String(sales[0]?.sale_id)}`)
  await press(page, page.getByRole('link', { name: purchase.button.logIn }))
  await type(page, account.name.label, shopper.username)
  await type(page, account.password.label, shopper.password)
  await page.keyboard.press('Enter')
  for (const [index, sale] of sales.entries()) {
    if (index > 0) await page.goto(`/sales/${sale.sale_id}`)
    await expect(page.getByTestId('buy')).toBeEnabled()
    await press(page, page.getByTestId('buy'))
    const ticket = page.getByTestId('won')
    await expect(ticket).toBeVisible()
    // The button is gone; the focus went where the news is.
    await expect(ticket.getByRole('heading')).toBeFocused()
    await press(page, ticket.getByRole('link', { name: purchase.won.pay }))
    await expect(page).toHaveURL(/\/orders\//)
    await expect(page.getByRole('heading', { level: 1 })).toBeFocused()
    if (index === 0) {
      await press(page, page.getByRole('button', { name: like(orders.pay.submit) }))
      await expect(page.getByText(orders.explain.paid)).toBeVisible()
    } else {
      await press(page, page.getByRole('button', { name: orders.cancel.open }))
      const dialog = page.getByRole('dialog')
      await expect(dialog).toBeVisible()
      await page.keyboard.press('Escape')
      await expect(dialog).toHaveCount(0)
      await expect(page.getByRole('button', { name: orders.cancel.open })).toBeFocused()
      await page.keyboard.press('Enter')
      await press(page, dialog.getByRole('button', { name: orders.cancel.confirm }))
      await expect(page.getByText(orders.explain.cancelled)).toBeVisible()
    }
  }
  await context.close()
})

test('keyboard only: the first Tab leads past the navigation', async ({ page }) => {
  await page.goto('/')
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  await page.keyboard.press('Tab')
  const skip = page.getByRole('link', { name: en.common.skip })
  await expect(skip).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page.locator('#main')).toBeFocused()
})

test('keyboard only, an operator: create, publish, change stock', async ({ browser, shop }) => {
  const { operate } = en
  const title = newName('Kettle ')
  const context = await signedIn(browser, await shop.operator(), shop.url)
  const page = await context.newPage()
  await page.goto('/operate')
  await press(page, page.getByRole('link', { name: operate.form.new }))
  await type(page, operate.field.title, title)
  await type(page, operate.field.price, '49.90')
  await type(page, operate.field.stock_total, '7')
  await press(page, page.getByRole('button', { name: operate.form.create }))
  await expect(outcomeBar(page)).toContainText(sayOf(operate.form.created, { title }))
  const publish = sayOf(operate.step.label, { step: operate.step.publish.do, title })
  await press(page, page.getByRole('button', { name: publish, exact: true }))
  await press(
    page,
    page.getByRole('dialog').getByRole('button', { name: operate.step.publish.confirm, exact: true }),
  )
  await expect(outcomeBar(page)).toContainText(sayOf(operate.step.publish.done, { title }))
  await press(page, page.getByRole('button', { name: operate.stock.open }))
  const dialog = page.getByRole('dialog')
  await tabTo(page, dialog.getByLabel(operate.stock.add))
  await page.keyboard.press('ArrowRight')
  await expect(dialog.getByLabel(operate.stock.take)).toBeChecked()
  await type(page, operate.stock.units, '2')
  await type(page, operate.stock.reason, 'Two are broken')
  await page.keyboard.press('Enter')
  await expect(dialog).toHaveCount(0)
  const saleId = /\d+$/.exec(new URL(page.url()).pathname)?.[0] ?? ''
  expect((await shop.audit(saleId)).stock_total).toBe(5)
  await context.close()
})

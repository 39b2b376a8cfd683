import type { Locator, Page } from '@playwright/test'
import { expect, signedIn, test } from './support/fixtures'
import type { Order, OrderStatus, Sale } from '../src/shared/api/types'
import { en, like } from './support/texts'

const { orders } = en

const scene = test.extend<{ order: Order }>({
  order: async ({ shop, shopper }, use) => {
    const sale = await shop.sale()
    await use(await shop.bought(sale.sale_id, shopper))
  },
})

function status(page: Page, name: OrderStatus | 'paying'): Locator {
  return page.getByLabel(orders.ticket).getByText(orders.status[name], { exact: true })
}

async function pay(page: Page, outcome: keyof typeof orders.pay.outcome): Promise<void> {
  await page.getByLabel(orders.pay.outcome[outcome]).check()
  await page.getByRole('button', { name: like(orders.pay.submit) }).click()
}

scene(
  'from the list to the order, and paid; the timeline tells it @both',
  async ({ shopperPage: page, order, shop, shopper }) => {
    const { title } = await shop.asOperator<{ title: string }>('GET', `/admin/sales/${order.sale_id}`)
    await page.goto('/orders')
    await page.getByRole('link', { name: title }).click()
    await expect(status(page, 'pending_payment')).toBeVisible()
    await expect(page.getByRole('timer')).toBeVisible()
    await pay(page, 'succeed')
    await expect(status(page, 'paid')).toBeVisible()
    await expect(page.getByText(orders.explain.paid)).toBeVisible()
    const timeline = page.locator('section').filter({ hasText: orders.timeline.title })
    for (const event of ['reserved', 'pending_payment', 'payment_captured'] as const)
      await expect(timeline.getByText(orders.timeline.event[event]).first()).toBeVisible()
    await expect(page.getByRole('button', { name: orders.cancel.open })).toHaveCount(0)
    expect((await shop.order(order.order_id, shopper)).status).toBe('paid')
  },
)

scene('declined, and then paid @both', async ({ shopperPage: page, order, shop, shopper }) => {
  await page.goto(`/orders/${order.order_id}`)
  await pay(page, 'decline')
  await expect(page.getByText(orders.explain.declined)).toBeVisible()
  await pay(page, 'succeed')
  await expect(status(page, 'paid')).toBeVisible()
  const { payments } = await shop.order(order.order_id, shopper)
  expect(payments.map((payment) => payment.status)).toEqual(['declined', 'captured'])
})

scene(
  'a provider that never answers is said to be under way, also after a reload',
  async ({ shopperPage: page, order }) => {
    await page.goto(`/orders/${order.order_id}`)
    await pay(page, 'hang')
    await expect(status(page, 'paying')).toBeVisible()
    await page.reload()
    await expect(status(page, 'paying')).toBeVisible()
  },
)

scene(
  'cancel asks first; then the unit is free and can be bought again @both',
  async ({ shopperPage: page, order, shop, shopper }) => {
    const left = () =>
      shop.asOperator<Sale>('GET', `/admin/sales/${order.sale_id}`).then((sale) => sale.stock_left)
    await expect.poll(left, { intervals: [50] }).toBe(9)
    await page.goto(`/orders/${order.order_id}`)
    await page.getByRole('button', { name: orders.cancel.open }).click()
    await page.getByRole('dialog').getByRole('button', { name: orders.cancel.keep }).click()
    await expect(page.getByRole('dialog')).toHaveCount(0)
    await page.getByRole('button', { name: orders.cancel.open }).click()
    await page.getByRole('dialog').getByRole('button', { name: orders.cancel.confirm }).click()
    await expect(status(page, 'cancelled')).toBeVisible()
    expect((await shop.order(order.order_id, shopper)).status).toBe('cancelled')
    // The gate hears of it a moment later.
    await expect.poll(left, { intervals: [50] }).toBe(10)
    await page.goto(`/sales/${order.sale_id}`)
    await page.getByTestId('buy').click()
    await expect(page.getByTestId('won')).toBeVisible()
  },
)

test('not paid in time: the countdown ends, and the page says what happened @both', async ({
  shop,
  shopper,
  shopperPage: page,
}) => {
  const beganMs = performance.now()
  await page.goto('/orders') // the page's parts come, and show how fast the machine is
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  const pay_within_s = 6 + Math.ceil((3 * (performance.now() - beganMs)) / 1000)
  const sale = await shop.sale({ pay_within_s })
  const order = await shop.bought(sale.sale_id, shopper)
  await page.goto(`/orders/${order.order_id}`)
  await expect(status(page, 'pending_payment')).toBeVisible()
  await expect(status(page, 'expired')).toBeVisible({ timeout: (pay_within_s + 20) * 1000 })
  await expect(page.getByText(orders.explain.expired)).toBeVisible()
})

scene(
  'a payment whose answer is lost is sent again under its key: charged once',
  async ({ browser, network, order, shop, shopper }) => {
    const context = await signedIn(browser, shopper, network.url)
    const page = await context.newPage()
    await page.goto(`/orders/${order.order_id}`)
    network.set(['lose', /^POST \/api\/v1\/orders\/[^/]+\/payments /])
    await pay(page, 'succeed')
    await network.hasStruck('lose')
    await page.reload()
    network.set()
    await expect(status(page, 'paid')).toBeVisible({ timeout: 20_000 })
    const { payments } = await shop.order(order.order_id, shopper)
    expect(payments.map((payment) => payment.status)).toEqual(['captured'])
    await context.close()
  },
)

scene('cancelled by the shop: the reason is shown', async ({ shopperPage: page, order, shop }) => {
  await page.goto(`/orders/${order.order_id}`)
  await expect(status(page, 'pending_payment')).toBeVisible()
  await shop.asOperator('POST', `/admin/orders/${order.order_id}/cancel`, {
    reason: 'Scratched in the store room',
  })
  await page.reload()
  await expect(status(page, 'cancelled')).toBeVisible()
  await expect(page.getByText(/Scratched in the store room/)).toBeVisible()
})

scene('an order of somebody else is not there', async ({ browser, order, shop }) => {
  const context = await signedIn(browser, await shop.shopper(), shop.url)
  const page = await context.newPage()
  await page.goto(`/orders/${order.order_id}`)
  await expect(page.getByText(orders.missing.title)).toBeVisible()
  await expect(page.getByText(order.order_id)).toHaveCount(0)
  await context.close()
})

import type { Page } from '@playwright/test'
import type { Sale } from '../../src/shared/api/types'
import { deadLetter } from './poison'
import { openSale } from './salePage'
import type { Shop, Shopper } from './shop'
import { en } from './texts'

/** What pages are looked at with: a shopper with orders in every state, and sales in every state. */
export interface Stage {
  shop: Shop
  shopper: Shopper
  sales: Record<'soon' | 'live' | 'paused' | 'soldOut' | 'ended' | 'draft' | 'held', Sale>
  orders: Record<'open' | 'paid' | 'cancelled' | 'declined', string>
}

export interface State {
  name: string
  who: 'nobody' | 'shopper' | 'operator'
  open: (page: Page, stage: Stage) => Promise<void>
}

const copy = {
  soon: ['Field radio', 'Long wave, a crank, and a lamp that lasts the night. Forty were made.'],
  live: ['Reading lamp, oak', 'Warm light in three steps, a cable of cloth, a foot of oak.'],
  paused: ['Wool blanket', 'Woven in a mill that has done nothing else since 1911.'],
  soldOut: ['Espresso mill', 'Steel burrs, no plastic, a lid of walnut.'],
  ended: ['Rain coat', 'Waxed cotton, taped seams, and pockets where hands look for them.'],
  draft: ['Camp stove', 'One flame, one pot, eleven hundred metres.'],
  held: ['Fountain pen', 'A steel nib, three widths, and ink for a year.'],
} as const

const terms = { price_cents: 4900, list_price_cents: 7900, stock_total: 40, pay_within_s: 86_400 }

async function order(
  shop: Shop,
  sale: Sale,
  shopper: Shopper,
  outcome?: 'succeed' | 'decline',
): Promise<string> {
  const { order_id } = await shop.bought(sale.sale_id, shopper)
  if (outcome) {
    const headers = { 'Idempotency-Key': `stage-${order_id}` }
    const body = { method: 'test', outcome }
    await shop.call('POST', `/orders/${order_id}/payments`, { body, token: shopper.token, headers })
    const wanted = outcome === 'succeed' ? 'captured' : 'declined'
    await shop.untilOrder(order_id, shopper, ({ payments }) =>
      payments.some(({ status }) => status === wanted),
    )
  }
  return order_id
}

export async function makeStage(shop: Shop): Promise<Stage> {
  const shopper = await shop.shopper()
  const sale = (name: keyof typeof copy, wish = {}) => {
    const [title, description] = copy[name]
    const all = { title, description, ...terms, ...wish }
    return name === 'draft' ? shop.draft(all) : shop.sale(all)
  }
  const sales = {
    soon: await sale('soon', { opensInMs: 3_600_000 * 50 }),
    live: await sale('live', { per_user_limit: 3 }),
    paused: await sale('paused'),
    soldOut: await sale('soldOut', { stock_total: 1 }),
    ended: await sale('ended'),
    draft: await sale('draft'),
    held: await sale('held'),
  }
  await shop.move(sales.paused.sale_id, 'pause')
  const orders = {
    cancelled: await order(shop, sales.ended, shopper),
    open: await order(shop, sales.held, shopper),
    paid: await order(shop, sales.soldOut, shopper, 'succeed'),
    declined: await order(shop, await sale('held', { title: 'Pocket knife' }), shopper, 'decline'),
  }
  await shop.asOperator('POST', `/admin/orders/${orders.cancelled}/cancel`, {
    reason: 'Scratched in the store room',
  })
  await deadLetter(shop, sales.live.sale_id, await shop.shopper())
  await shop.move(sales.ended.sale_id, 'end')
  return { shop, shopper, sales, orders }
}

async function openDialog(page: Page, path: string, button: string): Promise<void> {
  await page.goto(path)
  await page.getByRole('button', { name: button }).first().click()
  await page.getByRole('dialog').waitFor()
}

function at(name: string, who: State['who'], path: (stage: Stage) => string): State {
  return {
    name,
    who,
    open: async (page, stage) => {
      await page.goto(path(stage))
    },
  }
}

const { account, orders, operate } = en

export const states: State[] = [
  at('sales', 'nobody', () => '/'),
  at('sales-none', 'nobody', () => '/?q=nothing-of-the-kind'),
  at('sale-soon', 'shopper', ({ sales }) => `/sales/${sales.soon.sale_id}`),
  at('sale-live', 'shopper', ({ sales }) => `/sales/${sales.live.sale_id}`),
  at('sale-live-nobody', 'nobody', ({ sales }) => `/sales/${sales.live.sale_id}`),
  at('sale-paused', 'shopper', ({ sales }) => `/sales/${sales.paused.sale_id}`),
  at('sale-sold-out', 'shopper', ({ sales }) => `/sales/${sales.soldOut.sale_id}`),
  at('sale-ended', 'shopper', ({ sales }) => `/sales/${sales.ended.sale_id}`),
  {
    name: 'sale-already',
    who: 'shopper',
    open: async (page, { sales }) => {
      await openSale(page, sales.held.sale_id)
      await page.getByTestId('buy').click()
      await page.getByRole('link', { name: en.purchase.refused.already_purchasedAction }).waitFor()
    },
  },
  {
    name: 'sale-won',
    who: 'shopper',
    open: async (page, { shop }) => {
      const { sale_id } = await shop.sale({
        title: copy.live[0],
        description: copy.live[1],
        list_price_cents: 2999,
      })
      await openSale(page, sale_id)
      await page.getByTestId('buy').click()
      await page.getByTestId('won').waitFor()
    },
  },
  at('log-in', 'nobody', () => '/login'),
  {
    name: 'register-errors',
    who: 'nobody',
    open: async (page) => {
      await page.goto('/register')
      await page.getByRole('button', { name: account.register.submit }).click()
    },
  },
  at('orders', 'shopper', () => '/orders'),
  at('order-open', 'shopper', ({ orders: made }) => `/orders/${made.open}`),
  at('order-paid', 'shopper', ({ orders: made }) => `/orders/${made.paid}`),
  at('order-declined', 'shopper', ({ orders: made }) => `/orders/${made.declined}`),
  at('order-cancelled', 'shopper', ({ orders: made }) => `/orders/${made.cancelled}`),
  {
    name: 'order-cancel-dialog',
    who: 'shopper',
    open: (page, stage) => openDialog(page, `/orders/${stage.orders.open}`, orders.cancel.open),
  },
  at('account', 'shopper', () => '/account'),
  at('not-found', 'nobody', () => '/nowhere'),
  at('operate-sales', 'operator', () => '/operate'),
  at('operate-board', 'operator', ({ sales }) => `/operate/sales/${sales.soldOut.sale_id}`),
  {
    name: 'operate-stock-dialog',
    who: 'operator',
    open: (page, { sales }) => openDialog(page, `/operate/sales/${sales.live.sale_id}`, operate.stock.open),
  },
  {
    name: 'operate-end-dialog',
    who: 'operator',
    open: (page, { sales }) =>
      openDialog(page, `/operate/sales/${sales.live.sale_id}`, `${operate.step.end.do}:`),
  },
  {
    name: 'operate-form-errors',
    who: 'operator',
    open: async (page) => {
      await page.goto('/operate/sales/new')
      await page.getByRole('button', { name: operate.form.create }).click()
    },
  },
  at('operate-edit', 'operator', ({ sales }) => `/operate/sales/${sales.live.sale_id}/edit`),
  at('operate-actors', 'operator', () => '/operate/actors'),
  at('operate-limits', 'operator', () => '/operate/limits'),
  {
    name: 'operate-dead-letters',
    who: 'operator',
    open: async (page) => {
      await page.goto('/operate/dead-letters')
      await page.getByText(operate.letters.message, { exact: true }).first().click()
    },
  },
  {
    name: 'operate-requeue-dialog',
    who: 'operator',
    open: (page) => openDialog(page, '/operate/dead-letters', operate.letters.requeue.do),
  },
  at('operate-order', 'operator', ({ orders: made }) => `/operate/orders/${made.paid}`),
  at('operate-log', 'operator', () => '/operate/log'),
  at('operate-traces', 'operator', () => '/operate/traces'),
]

import type { Audit, DeadLetter, Limits, Order, Purchase, Sale } from '../../src/shared/api/types'
import { Instance, operatorPassword } from './instance'
import { until } from './until'

let numbers = 0

/** A name that nobody had. */
export function newName(prefix: string): string {
  numbers += 1
  return `${prefix}${Date.now().toString(36)}${process.pid.toString(36)}${numbers}`
}

export interface Shopper {
  username: string
  password: string
  token: string
  userId: string
}

export interface SaleWish {
  title?: string
  stock_total?: number
  price_cents?: number
  opensInMs?: number
  lastsMs?: number
  [field: string]: unknown
}

interface Call {
  body?: unknown
  token?: string | undefined
  headers?: Record<string, string>
}

/** The instance over its HTTP contract, past the pages: prepares what a test needs, and looks at what came of it. */
export class Shop {
  readonly url: string
  readonly instance: Instance
  private operatorSession: Promise<Shopper> | undefined

  constructor() {
    const { E2E_DIR, E2E_PORT } = process.env
    if (!E2E_DIR || !E2E_PORT) throw new Error('no instance')
    this.instance = Instance.at(E2E_DIR, Number(E2E_PORT))
    this.url = `http://127.0.0.1:${E2E_PORT}`
  }

  /** As the contract says: what is busy is asked again. */
  async call<T>(method: string, path: string, call: Call = {}): Promise<T> {
    const answer = await until(`${method} ${path} not busy`, async () => {
      const one = await this.ask(method, path, call)
      if (one.status !== 503) return one
      await one.body?.cancel()
      return null
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return (answer.status === 204 ? undefined : await answer.json()) as T
  }

  ask(method: string, path: string, { body, token, headers }: Call = {}): Promise<Response> {
    return fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }

  async asOperator<T>(method: string, path: string, body?: unknown): Promise<T> {
    return this.call<T>(method, path, { body, token: (await this.operator()).token })
  }

  operator(): Promise<Shopper> {
    this.operatorSession ??= this.logIn('admin', operatorPassword)
    return this.operatorSession
  }

  async logIn(username: string, password: string): Promise<Shopper> {
    const session = await this.call<{ access_token: string; user: { user_id: string } }>(
      'POST',
      '/sessions',
      {
        body: { username, password },
      },
    )
    return { username, password, token: session.access_token, userId: session.user.user_id }
  }

  async shopper(username = newName('s'), displayName?: string): Promise<Shopper> {
    const password = 'correct horse battery'
    const body = { username, password, ...(displayName === undefined ? {} : { display_name: displayName }) }
    let isAgain = false
    await until('an account', async () => {
      const answer = await this.ask('POST', '/accounts', { body })
      if (answer.ok || (answer.status === 409 && isAgain)) return true // it was made, though its answer came too late
      if (answer.status !== 503) throw new Error(await answer.text())
      isAgain = true
      return null
    })
    return this.logIn(username, password)
  }

  async nowMs(): Promise<number> {
    return (await this.call<{ now_ms: number }>('GET', '/time')).now_ms
  }

  /** A draft that would have been open for a second, unless the wish says otherwise. */
  async draft({ opensInMs = -1000, lastsMs = 3_600_000, ...wish }: SaleWish = {}): Promise<Sale> {
    const starts = (await this.nowMs()) + opensInMs
    return this.asOperator<Sale>('POST', '/admin/sales', {
      title: newName('Lamp '),
      price_cents: 1999,
      currency: 'EUR',
      stock_total: 10,
      starts_at_ms: Math.round(starts),
      ends_at_ms: Math.round(starts + lastsMs),
      ...wish,
    })
  }

  /** A published sale, served by every edge. */
  async sale(wish: SaleWish = {}): Promise<Sale> {
    const { sale_id } = await this.draft(wish)
    await this.move(sale_id, 'publish')
    return this.asOperator<Sale>('GET', `/admin/sales/${sale_id}`)
  }

  move(saleId: string, verb: 'publish' | 'pause' | 'resume' | 'end'): Promise<Sale> {
    return this.asOperator<Sale>('POST', `/admin/sales/${saleId}/${verb}`, {})
  }

  buy(saleId: string, shopper: Shopper, key = newName('k')): Promise<Purchase> {
    const headers = { 'Idempotency-Key': key }
    return this.call<Purchase>('POST', `/sales/${saleId}/purchases`, {
      body: {},
      token: shopper.token,
      headers,
    })
  }

  /** A purchase whose order is in PostgreSQL. */
  async bought(saleId: string, shopper: Shopper): Promise<Order> {
    const { order_id } = await this.buy(saleId, shopper)
    return this.untilOrder(order_id, shopper, (order) => order.status !== 'reserved')
  }

  order(orderId: string, shopper: Shopper): Promise<Order> {
    return this.call<Order>('GET', `/orders/${orderId}`, { token: shopper.token })
  }

  untilOrder(orderId: string, shopper: Shopper, isThere: (order: Order) => boolean): Promise<Order> {
    return until(`order ${orderId}`, async () => {
      const order = await this.order(orderId, shopper)
      return isThere(order) ? order : null
    })
  }

  async orders(shopper: Shopper): Promise<Order[]> {
    return (await this.call<{ orders: Order[] }>('GET', '/orders', { token: shopper.token })).orders
  }

  /** The orders of a shopper in a sale, when every reservation has become one. */
  ordersAtRest(saleId: string, shopper: Shopper): Promise<Order[]> {
    return until(`sale ${saleId} at rest`, async () => {
      const audit = await this.audit(saleId)
      if (audit.in_flight !== 0 || !audit.balanced) return null
      return (await this.orders(shopper)).filter((order) => order.sale_id === saleId)
    })
  }

  audit(saleId: string): Promise<Audit> {
    return this.asOperator<Audit>('GET', `/admin/sales/${saleId}/audit`)
  }

  limits(change: unknown): Promise<{ limits: Limits }> {
    return this.asOperator('PATCH', '/admin/limits', change)
  }

  async deadLetters(): Promise<DeadLetter[]> {
    return (await this.asOperator<{ dead_letters: DeadLetter[] }>('GET', '/admin/dead-letters')).dead_letters
  }
}

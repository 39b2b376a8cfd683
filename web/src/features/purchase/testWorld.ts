/** A browser with several tabs for the driver's tests: time, network, disk and locks are played. */
import type { Purchase } from '@/shared/api/types'
import type { AttemptIo } from './attemptIo'
import { AttemptDriver } from './driver'
import type { Attempt, Intent } from './model'
import type { Reply } from './reply'

export const purchase: Purchase = {
  order_id: 'o1',
  sale_id: '7',
  quantity: 1,
  price_cents: 100,
  total_cents: 100,
  currency: 'EUR',
  status: 'reserved',
  sequence: 1,
  pay_before_ms: 9,
}
export const won: Reply = { kind: 'won', purchase }
export const silent: Reply = { kind: 'silent' }
export const nothingHeld: Reply = { kind: 'nothing' }

/** A browser with several tabs, and a server that answers what it is told to. */
export class World {
  disk: Attempt | null = null
  nowMs = 1_000_000
  log: string[] = []
  answers: (Reply | Promise<Reply>)[] = []
  isDiskBroken = false
  isDiskUnreadable = false
  isHidden = false
  dice = 0
  tabs: AttemptDriver[] = []
  timers: { atMs: number; wake: () => void }[] = []
  #lock: Promise<void> = Promise.resolve()
  #isLocked = false

  tab(onSignedOut?: () => void): AttemptDriver {
    const driver: AttemptDriver = new AttemptDriver(
      this.#io(() => driver),
      onSignedOut,
    )
    this.tabs.push(driver)
    return driver
  }

  #io(self: () => AttemptDriver): AttemptIo {
    const answer = (what: string, intent: Intent): Promise<Reply> => {
      this.log.push(`${what} ${intent.key} ×${intent.quantity}`)
      return Promise.resolve(this.answers.shift() ?? silent)
    }
    return {
      put: (attempt) => {
        if (this.isDiskBroken) return Promise.reject(new Error('quota'))
        this.disk = structuredClone(attempt)
        this.log.push(`put ${attempt.phase.name}`)
        return Promise.resolve()
      },
      get: () =>
        this.isDiskUnreadable
          ? Promise.reject(new Error('disk'))
          : Promise.resolve(structuredClone(this.disk)),
      remove: () => {
        this.disk = null
        return Promise.resolve()
      },
      send: (intent) => answer('send', intent),
      ask: (intent) => answer('ask', intent),
      nowMs: () => this.nowMs,
      dice: () => this.dice,
      isHidden: () => this.isHidden,
      later: (waitMs, wake) => {
        const timer = { atMs: this.nowMs + waitMs, wake }
        this.timers.push(timer)
        return () => (this.timers = this.timers.filter((other) => other !== timer))
      },
      alone: (isPatient, drive) => this.#alone(isPatient, drive),
      tell: () => {
        for (const tab of this.tabs) if (tab !== self()) void tab.read()
      },
    }
  }

  #alone(isPatient: boolean, drive: () => Promise<void>): Promise<boolean> {
    if (this.#isLocked && !isPatient) return Promise.resolve(false)
    const turn = this.#lock.then(async () => {
      this.#isLocked = true
      await drive()
      this.#isLocked = false
    })
    this.#lock = turn
    return turn.then(() => true)
  }

  /** The tab is gone: its lock is free, its timers and listeners are no more. */
  crash(driver: AttemptDriver): void {
    this.tabs = this.tabs.filter((tab) => tab !== driver)
    driver.stop()
    this.timers = []
  }

  async pass(ms: number): Promise<void> {
    this.nowMs += ms
    for (const timer of this.timers.filter(({ atMs }) => atMs <= this.nowMs)) {
      this.timers = this.timers.filter((other) => other !== timer)
      timer.wake()
    }
    await settle()
  }
}

export async function settle(): Promise<void> {
  for (let i = 0; i < 60; i++) await Promise.resolve()
}

export function intent(world: World, key = 'k1', quantity = 1): Intent {
  return { key, saleId: '7', userId: '3', quantity, startedAtMs: world.nowMs }
}

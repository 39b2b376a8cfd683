/**
 * Carries one shopper's attempt in one sale: does what the phase asks for (write, send, ask, wait), in one tab at a time, and lets the other
 * tabs watch. All that it does to the world goes through `AttemptIo`.
 */
import { isUnderWay, nothing, step, type Attempt, type Event, type Intent } from './model'
import type { Reply } from './reply'

export interface AttemptIo {
  /** Ends when it is on disk. */
  put(attempt: Attempt): Promise<void>
  get(): Promise<Attempt | null>
  remove(): Promise<void>
  send(intent: Intent): Promise<Reply>
  ask(intent: Intent): Promise<Reply>
  nowMs(): number
  /** @returns what cancels it */
  later(waitMs: number, wake: () => void): () => void
  /** Runs `drive` as the only tab; `isPatient`: waits for its turn. @returns false if another tab has the turn, and nothing was run */
  alone(isPatient: boolean, drive: () => Promise<void>): Promise<boolean>
  /** Tells the other tabs to read the disk. */
  tell(): void
}

export class AttemptDriver {
  #attempt: Attempt = nothing
  #isLoaded = false
  #isDriver = false
  #isStopped = false
  #cancelTimer: (() => void) | null = null
  /** Ends the turn of this tab. */
  #release: (() => void) | null = null
  #ended: Promise<void> = Promise.resolve()
  #isQueued = false
  readonly #listeners = new Set<() => void>()

  constructor(
    readonly io: AttemptIo,
    readonly onSignedOut: () => void = () => undefined,
  ) {}

  get attempt(): Attempt {
    return this.#attempt
  }

  /** False until the disk was read: whether there is an attempt is not known yet. */
  get isLoaded(): boolean {
    return this.#isLoaded
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** At the start, and when another tab says that something changed. */
  async read(): Promise<void> {
    const kept = await this.#kept()
    if (this.#isStopped || this.#isDriver) return
    const isFirst = !this.#isLoaded
    this.#isLoaded = true
    this.#show(kept, isFirst)
    if (isUnderWay(step(kept, { type: 'resume' }))) this.#queue()
    else if (isFirst) void this.refresh()
  }

  async tap(intent: Intent): Promise<void> {
    await this.#takeOver((kept) => step(kept, { type: 'tap', intent }))
  }

  async retry(): Promise<void> {
    await this.#takeOver((kept) => step(kept, { type: 'retry', nowMs: this.io.nowMs() }))
  }

  async dismiss(): Promise<void> {
    if (isUnderWay(this.#attempt)) return
    await this.#ended // its result is still being written
    if (this.#isStopped) return
    this.#show(step(this.#attempt, { type: 'dismiss' }))
    await this.io.remove()
    this.io.tell()
  }

  online(): void {
    if (this.#isDriver) this.#advance({ type: 'online' })
  }

  /** The order's present status, for a won attempt that is shown again. */
  async refresh(): Promise<void> {
    const { intent, phase, turn } = this.#attempt
    if (!intent || phase.name !== 'won') return
    const reply = await this.io.ask(intent)
    if (this.#isStopped || this.#attempt.turn !== turn || reply.kind !== 'won') return
    if (reply.purchase.status === phase.purchase.status) return
    this.#show(step(this.#attempt, { type: 'reply', reply, nowMs: this.io.nowMs() }))
    await this.io.put(this.#attempt).catch(() => undefined)
  }

  /** Another shopper, or nobody, is here now: nothing is written any more. What is on disk waits for its owner. */
  stop(): void {
    this.#isStopped = true
    this.#cancelTimer?.()
    this.#release?.()
  }

  /** Waits for its turn behind the tab that drives: that tab may be closed or crash. */
  #queue(): void {
    if (this.#isQueued || this.#isDriver) return
    this.#isQueued = true
    void this.io.alone(true, async () => {
      this.#isQueued = false
      await this.#drive(step(await this.#kept(), { type: 'resume' }))
    })
  }

  /** The disk, not the screen, says what may be begun: another tab may have been faster. */
  async #takeOver(begin: (kept: Attempt) => Attempt): Promise<void> {
    if (isUnderWay(this.#attempt)) return
    const hasTurn = this.#isDriver
    await this.#ended
    if (this.#isStopped) return
    const isOurs = await this.io.alone(hasTurn, async () => {
      const kept = await this.#kept()
      const begun = begin(kept)
      await this.#drive(begun === kept ? step(kept, { type: 'resume' }) : begun)
    })
    if (!isOurs) await this.read() // another tab carries one
  }

  async #kept(): Promise<Attempt> {
    return (await this.io.get().catch(() => null)) ?? nothing
  }

  /** Ends when the attempt rests. One that rests already is only shown. */
  async #drive(attempt: Attempt): Promise<void> {
    if (this.#isStopped) return
    this.#isLoaded = true
    if (!isUnderWay(attempt)) {
      this.#show(attempt)
      return
    }
    this.#isDriver = true
    const rests = new Promise<void>((resolve) => (this.#release = resolve))
    this.#ended = rests
    this.#show(attempt)
    this.#act()
    await rests
    this.#isDriver = false
    this.#release = null
  }

  #advance(event: Event): void {
    if (this.#isStopped) return
    const next = step(this.#attempt, event)
    if (next === this.#attempt) return
    this.#show(next)
    this.#act()
  }

  /** What the phase asks for. Its answer counts only for the turn it was begun in. */
  #act(): void {
    this.#cancelTimer?.()
    const { phase, intent, turn } = this.#attempt
    const isNow = (): boolean => this.#attempt.turn === turn
    const isWritten = this.io.put(this.#attempt)
    void isWritten.then(() => this.io.tell()).catch(() => undefined)
    if (phase.name === 'saving')
      void isWritten.then(
        () => isNow() && this.#advance({ type: 'saved' }),
        () => isNow() && this.#advance({ type: 'unsaved' }),
      )
    else if ((phase.name === 'sending' || phase.name === 'asking') && intent)
      void (phase.name === 'sending' ? this.io.send(intent) : this.io.ask(intent)).then((reply) => {
        if (isNow()) this.#advance({ type: 'reply', reply, nowMs: this.io.nowMs() })
      })
    else if (phase.name === 'waiting')
      this.#cancelTimer = this.io.later(phase.untilMs - this.io.nowMs(), () => {
        if (isNow()) this.#wake()
      })
    else void isWritten.catch(() => undefined).then(() => this.#rest())
  }

  #wake(): void {
    const before = this.#attempt
    this.#advance({ type: 'wake', nowMs: this.io.nowMs() })
    if (this.#attempt === before) this.#act() // woken a little early
  }

  #rest(): void {
    if (isUnderWay(this.#attempt)) return
    this.#release?.()
    if (this.#attempt.phase.name === 'signin') this.onSignedOut()
  }

  #show(attempt: Attempt, isNews = false): void {
    if (attempt === this.#attempt && !isNews) return
    this.#attempt = attempt
    for (const listener of this.#listeners) listener()
  }
}

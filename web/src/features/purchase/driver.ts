/**
 * Carries one shopper's attempt in one sale: does what the phase asks for (write, send, ask, wait), in one tab at a time, and lets the other
 * tabs watch. All that it does to the world goes through `AttemptIo`.
 */
import type { AttemptIo } from './attemptIo'
import { isUnderWay, nothing, step, type Attempt, type Event, type Intent } from './model'
import { mayDrive } from './pace'
import { hasMoved } from './standing'

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

  /** When another tab says that something changed, and when somebody comes to look: then a won order's present status is asked for, too. */
  async read(isLook = false): Promise<void> {
    const kept = await this.#kept().catch(() => this.#attempt) // a tap will say that the disk fails
    if (this.#isStopped || this.#isDriver) return
    const isFirst = !this.#isLoaded
    this.#isLoaded = true
    // A refusal is on disk for the tabs that saw the attempt; to others it is no news any more.
    this.#show(isFirst && kept.phase.name === 'refused' ? nothing : kept, isFirst)
    if (isUnderWay(step(kept, { type: 'resume' }))) this.#queue()
    else if (isLook) void this.refresh()
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
    const isKept = this.#attempt.intent !== null
    this.#show(step(this.#attempt, { type: 'dismiss' }))
    if (!isKept) return // the disk was not read: who knows what is there
    await this.io.remove().catch(() => undefined)
    this.io.tell()
  }

  online(): void {
    if (this.#isDriver) this.#advance({ type: 'online' })
  }

  /**
   * The order's present status, for a won attempt that is shown again.
   * @returns ms until it may be asked for again; null = no use: nothing is known under the key any more
   */
  async refresh(): Promise<number | null> {
    const { intent, phase, turn } = this.#attempt
    if (!intent || phase.name !== 'won') return null
    const reply = await this.io.ask(intent)
    if (this.#isStopped || reply.kind === 'nothing' || reply.kind === 'signedOut') return null
    if (reply.kind === 'later') return reply.waitMs
    if (this.#attempt.turn !== turn || reply.kind !== 'won' || !hasMoved(phase.purchase, reply.purchase))
      return 0
    this.#show(step(this.#attempt, { type: 'reply', reply, nowMs: this.io.nowMs(), dice: 0 }))
    await this.io.put(this.#attempt).catch(() => undefined)
    return 0
  }

  /** Another shopper, or nobody, is here now: nothing is written any more. What is on disk waits for its owner. */
  stop(): void {
    this.#isStopped = true
    this.#cancelTimer?.()
    this.#release?.()
  }

  /** Waits for its turn behind the tab that drives: that tab may be closed or crash. */
  #queue(): void {
    if (this.#isQueued || this.#isDriver || !this.#mayDrive(this.#attempt)) return
    this.#isQueued = true
    void this.io.alone(true, async () => {
      this.#isQueued = false
      const kept = await this.#kept().catch(() => this.#attempt)
      if (this.#mayDrive(kept)) await this.#drive(step(kept, { type: 'resume' }))
    })
  }

  /** The disk, not the screen, says what may be begun: another tab may have been faster. */
  async #takeOver(begin: (kept: Attempt) => Attempt): Promise<void> {
    if (isUnderWay(this.#attempt)) return
    const hasTurn = this.#isDriver
    await this.#ended
    if (this.#isStopped) return
    const isOurs = await this.io.alone(hasTurn, async () => {
      const kept = await this.#kept().catch(() => null)
      if (!kept) {
        this.#show(step(this.#attempt, { type: 'unreadable' }))
        return
      }
      const begun = begin(kept)
      await this.#drive(begun === kept ? step(kept, { type: 'resume' }) : begun)
    })
    if (!isOurs) await this.read() // another tab carries one
  }

  async #kept(): Promise<Attempt> {
    return (await this.io.get()) ?? nothing
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
        if (isNow()) this.#advance({ type: 'reply', reply, nowMs: this.io.nowMs(), dice: this.io.dice() })
      })
    else if (phase.name === 'waiting')
      this.#cancelTimer = this.io.later(phase.untilMs - this.io.nowMs(), () => {
        if (!isNow()) return
        if (this.#mayDrive(this.#attempt)) this.#advance({ type: 'wake', nowMs: this.io.nowMs() })
        else this.#release?.() // whoever looks goes on: another tab, or this one when it is shown
      })
    else void isWritten.catch(() => undefined).then(() => this.#rest())
  }

  #mayDrive({ intent }: Attempt): boolean {
    return mayDrive(intent, this.io.nowMs(), this.io.isHidden())
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

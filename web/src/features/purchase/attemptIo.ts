/** What the driver needs of the world. */
import type { Attempt, Intent } from './model'
import type { Reply } from './reply'

export interface AttemptIo {
  /** Ends when it is on disk. */
  put(attempt: Attempt): Promise<void>
  /** Rejects if there may be one that cannot be read. */
  get(): Promise<Attempt | null>
  remove(): Promise<void>
  send(intent: Intent): Promise<Reply>
  ask(intent: Intent): Promise<Reply>
  nowMs(): number
  /** In [0, 1). */
  dice(): number
  /** Nobody looks at this tab. */
  isHidden(): boolean
  /** @returns what cancels it */
  later(waitMs: number, wake: () => void): () => void
  /** Runs `drive` as the only tab; `isPatient`: waits for its turn. @returns false if another tab has the turn, and nothing was run */
  alone(isPatient: boolean, drive: () => Promise<void>): Promise<boolean>
  /** Tells the other tabs to read the disk. */
  tell(): void
}

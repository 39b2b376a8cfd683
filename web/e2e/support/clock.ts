import type { BrowserContext } from '@playwright/test'

/** The device's clock is wrong by this from now on; its monotonic clock is as good as ever. */
export async function wrongClock(context: BrowserContext, byMs: number): Promise<void> {
  await context.addInitScript((offsetMs) => {
    const RightDate = Date
    class WrongDate extends RightDate {
      constructor(
        ...words:
          [] | [number | string | Date] | [number, number, number?, number?, number?, number?, number?]
      ) {
        if (words.length === 0) super(RightDate.now() + offsetMs)
        else super(...(words as [number]))
      }
      static override now(): number {
        return RightDate.now() + offsetMs
      }
    }
    window.Date = WrongDate as DateConstructor
  }, byMs)
}

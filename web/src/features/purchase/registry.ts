/** The attempts that this tab carries or watches. They outlive the page that began them, and end with the session. */
import { sessionHint } from '@/shared/api/sessionHint'
import { AttemptDriver } from './driver'
import { attemptId, channelName, makeAttemptIo } from './io'

const drivers = new Map<string, AttemptDriver>()
let channel: BroadcastChannel | null = null
let isListening = false

function tell(id: string): void {
  channel?.postMessage(id)
}

/** Once, at the first use: other tabs' news, the network's return, the end of the session. */
function listen(): void {
  if (isListening) return
  isListening = true
  if (typeof BroadcastChannel !== 'undefined') {
    channel = new BroadcastChannel(channelName)
    channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (typeof data === 'string') void drivers.get(data)?.read()
    }
  }
  window.addEventListener('online', () => {
    for (const driver of drivers.values()) driver.online()
  })
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) for (const driver of drivers.values()) void driver.read(true)
  })
  sessionHint.subscribe(() => {
    if (!sessionHint.isSet()) stopAttempts()
  })
}

/** Who shows it calls `read(true)`, each time anew: meanwhile the order may have been paid or cancelled. */
export function attemptDriver(userId: string, saleId: string): AttemptDriver {
  listen()
  const id = attemptId(userId, saleId)
  const known = drivers.get(id)
  if (known) return known
  for (const [other, driver] of drivers)
    if (!other.startsWith(`${userId}:`)) {
      driver.stop()
      drivers.delete(other)
    }
  const driver = new AttemptDriver(makeAttemptIo(userId, saleId, tell), () => sessionHint.clear())
  drivers.set(id, driver)
  return driver
}

export function stopAttempts(): void {
  for (const driver of drivers.values()) driver.stop()
  drivers.clear()
}

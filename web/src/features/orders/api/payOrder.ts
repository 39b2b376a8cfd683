import { request } from '@/shared/api/client'
import { ApiError } from '@/shared/api/error'
import { sessionHint } from '@/shared/api/sessionHint'
import type { Payment } from '@/shared/api/types'
import { newKey } from '@/shared/lib/keys'
import { nextPollMs } from '@/shared/lib/pacing'
import { nowMs } from '@/shared/lib/serverClockStore'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef } from 'react'
import {
  beginAttempt,
  forgetAttempt,
  isUndecided,
  keptAttempt,
  type Outcome,
  type PaymentAttempt,
} from '../attempt'
import { withPayment } from '../model'
import { orderQuery } from './getOrder'

const TRIES = 6

function payOrder(orderId: string, { key, outcome }: PaymentAttempt): Promise<Payment> {
  return request<Payment>({
    method: 'POST',
    url: `/orders/${encodeURIComponent(orderId)}/payments`,
    headers: { 'Idempotency-Key': key },
    data: { method: 'test', outcome },
  })
}

/** Who tapped, and what is sent for it: fixed once, whatever happens to the record while it is repeated. */
interface Tap {
  userId: string | null
  attempt: Promise<PaymentAttempt>
}

/**
 * One tap = one payment: its key is made and kept before the first send, and every repetition until an answer carries it. What was not
 * answered goes on after a reload, and when the network is back.
 */
export function usePayment(orderId: string) {
  const client = useQueryClient()
  const { queryKey } = orderQuery(orderId)
  const sending = useMutation<Payment, ApiError, Tap>({
    mutationFn: async ({ userId, attempt }) => {
      const what = await attempt
      // Whoever left does not pay any more, and nobody pays with another's session.
      if (userId !== null && sessionHint.userId() !== userId) throw new ApiError('malformed', 401, null, null)
      return payOrder(orderId, what)
    },
    retry: (failures, error) => failures < TRIES && isUndecided(error) && error.status !== 401,
    retryDelay: (failures, error) =>
      nextPollMs(
        { floorMs: 500, failures: failures + 1, retryAfterMs: error.retryAfterMs ?? 0 },
        Math.random(),
      ),
    onSuccess: async (payment) => {
      // The order knows of it before its key is given up: should asking again fail, it is not offered for payment anew.
      await client.cancelQueries({ queryKey })
      client.setQueryData(queryKey, (order) => order && withPayment(order, payment, nowMs()))
    },
    onSettled: async (_payment, error, { attempt }) => {
      if (!error || !isUndecided(error))
        await attempt.then(
          ({ key }) => forgetAttempt(orderId, key),
          () => undefined, // nothing was kept
        )
      await client.invalidateQueries({ queryKey })
    },
  })
  const send = (attempt: Promise<PaymentAttempt>): void =>
    sending.mutate({ userId: sessionHint.userId(), attempt })
  const resume = useResumed(orderId, sending.isPending, send)
  const pay = (outcome: Outcome): void => send(beginAttempt(orderId, { key: newKey('pay'), outcome }))
  const goOn = (): void => {
    void resume().then((isKept) => {
      if (isKept) return
      // Another tab has had the answer.
      sending.reset()
      void client.invalidateQueries({ queryKey })
    })
  }
  return { ...sending, pay, goOn }
}

/** Sends what is kept of this order, at the start and when the network is back; what it gives back does so too, and says if there was any. */
function useResumed(
  orderId: string,
  isSending: boolean,
  send: (attempt: Promise<PaymentAttempt>) => void,
): () => Promise<boolean> {
  const now = useRef({ isSending, send })
  useEffect(() => {
    now.current = { isSending, send }
  })
  const resume = useCallback(async () => {
    const attempt = await keptAttempt(orderId)
    if (attempt && !now.current.isSending) now.current.send(Promise.resolve(attempt))
    return attempt !== null
  }, [orderId])
  useEffect(() => {
    const onOnline = (): void => void resume()
    onOnline()
    window.addEventListener('online', onOnline)
    return () => window.removeEventListener('online', onOnline)
  }, [resume])
  return resume
}

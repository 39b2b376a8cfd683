import { request } from '@/shared/api/client'
import type { ApiError } from '@/shared/api/error'
import type { Payment } from '@/shared/api/types'
import { newKey } from '@/shared/lib/keys'
import { nextPollMs } from '@/shared/lib/pacing'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import {
  forgetAttempt,
  isUndecided,
  keepAttempt,
  keptAttempt,
  type Outcome,
  type PaymentAttempt,
} from '../attempt'
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

/**
 * One tap = one payment: its key is made and kept before the first send, and every repetition until an answer carries it. What was not
 * answered goes on after a reload, and when the network is back.
 */
export function usePayment(orderId: string) {
  const client = useQueryClient()
  const sending = useMutation<Payment, ApiError, PaymentAttempt>({
    mutationFn: async (attempt) => {
      await keepAttempt(orderId, attempt)
      return payOrder(orderId, attempt)
    },
    retry: (failures, error) => failures < TRIES && isUndecided(error) && error.status !== 401,
    retryDelay: (failures, error) =>
      nextPollMs(
        { floorMs: 500, failures: failures + 1, retryAfterMs: error.retryAfterMs ?? 0 },
        Math.random(),
      ),
    onSettled: async (_payment, error) => {
      if (!error || !isUndecided(error)) await forgetAttempt(orderId)
      await client.invalidateQueries({ queryKey: orderQuery(orderId).queryKey })
    },
  })
  const goOn = useResumed(orderId, sending.isPending, sending.mutate)
  const pay = (outcome: Outcome): void => sending.mutate({ key: newKey('pay'), outcome })
  return { ...sending, pay, goOn }
}

/** Sends what is kept of this order, at the start and when the network is back. */
function useResumed(
  orderId: string,
  isSending: boolean,
  send: (attempt: PaymentAttempt) => void,
): () => void {
  const busy = useRef(isSending)
  useEffect(() => {
    busy.current = isSending
  }, [isSending])
  const resume = useRef(() => {
    void keptAttempt(orderId).then((attempt) => {
      if (attempt && !busy.current) send(attempt)
    })
  })
  useEffect(() => {
    const { current } = resume
    current()
    window.addEventListener('online', current)
    return () => window.removeEventListener('online', current)
  }, [])
  return () => resume.current()
}

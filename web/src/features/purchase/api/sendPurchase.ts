import { request } from '@/shared/api/client'
import { nowMs } from '@/shared/lib/serverClockStore'
import type { Intent } from '../model'
import { replyOfBody, replyOfError, type Reply } from '../reply'

/** Sends the attempt. The same key and quantity may be sent any number of times. */
export async function sendPurchase({ saleId, key, quantity }: Intent): Promise<Reply> {
  try {
    return replyOfBody(
      await request<unknown>({
        method: 'POST',
        url: `/sales/${encodeURIComponent(saleId)}/purchases`,
        headers: { 'Idempotency-Key': key },
        data: { quantity },
      }),
    )
  } catch (error) {
    return replyOfError(error, nowMs())
  }
}

import { request } from '@/shared/api/client'
import { nowMs } from '@/shared/lib/serverClockStore'
import type { Intent } from '../model'
import { replyOfAskError, replyOfBody, type Reply } from '../reply'

/** Asks what became of the attempt. */
export async function getPurchase({ saleId, key }: Intent): Promise<Reply> {
  try {
    return replyOfBody(
      await request<unknown>({
        url: `/sales/${encodeURIComponent(saleId)}/purchases/${encodeURIComponent(key)}`,
      }),
    )
  } catch (error) {
    return replyOfAskError(error, nowMs())
  }
}

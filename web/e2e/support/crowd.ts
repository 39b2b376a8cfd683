import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { programs } from './instance'
import type { Shop, Shopper } from './shop'

/** Shoppers by their tokens alone, past log-in. */
export async function tokensOf(shop: Shop, count: number): Promise<string[]> {
  return (await shop.instance.minishop('tokens', String(count))).trim().split('\n')
}

/** A user's number, out of the token that says so. */
export function userOf(token: string): Shopper {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sub: string }
  return { username: '', password: '', token, userId: claims.sub }
}

interface Crowd {
  tokens: string[]
  /** Attempts per second. */
  rate: number
  seconds: number
}

/** Many who try to buy, again and again. @returns how many answers of which kind, as `201 none` or `409 sold_out` */
export async function crowd(
  shop: Shop,
  saleId: string,
  { tokens, rate, seconds }: Crowd,
): Promise<Record<string, number>> {
  const path = join(shop.instance.folder, `crowd.${saleId}.tokens`)
  await writeFile(path, tokens.join('\n') + '\n')
  const words = ['purchase', '--port', String(shop.instance.port), '--sale', saleId, '--tokens', path]
  const pace = ['--rate', String(rate), '--connections', '32', '--repeat', '--seconds', String(seconds)]
  const load = spawn(join(programs, 'minishop-load'), [...words, ...pace])
  let said = ''
  load.stdout.on('data', (part: Buffer) => (said += part.toString()))
  await once(load, 'close') // an exit may come before the last words
  return (JSON.parse(said) as { answers_by: Record<string, number> }).answers_by
}

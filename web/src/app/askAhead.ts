import { saleQuery } from '@/features/sales/api/getSale'
import type { QueryClient } from '@tanstack/react-query'

/** Asks what the page of `path` begins with before there is a page: mostly the answer is then there for its first drawing. */
export function askAhead(client: QueryClient, path: string): void {
  const saleId = /^\/sales\/([0-9]+)$/.exec(path)?.[1]
  if (saleId) client.query(saleQuery(saleId)).catch(() => undefined) // told, and asked about again, by the page
}

/** Names of what operators ask for; everything of it is gone at log-out. */
export const keys = {
  sales: ['operate', 'sales'] as const,
  sale: (saleId: string) => ['operate', 'sale', saleId] as const,
  stats: (saleId: string) => ['operate', 'stats', saleId] as const,
  audit: (saleId: string) => ['operate', 'audit', saleId] as const,
  actors: ['operate', 'actors'] as const,
  limits: ['operate', 'limits'] as const,
  deadLetters: ['operate', 'deadLetters'] as const,
  order: (orderId: string) => ['operate', 'order', orderId] as const,
  log: ['operate', 'log'] as const,
}

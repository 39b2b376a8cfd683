import type { DeadLetter } from '../../src/shared/api/types'
import type { Shop, Shopper } from './shop'
import { until } from './until'

/** A dead letter: the row of the shopper's order is refused by PostgreSQL, as by a bug, until its deliveries are used up. */
export async function deadLetter(shop: Shop, saleId: string, shopper: Shopper): Promise<DeadLetter> {
  await shop.sql(
    'CREATE OR REPLACE FUNCTION test_poison () RETURNS trigger LANGUAGE plpgsql AS' +
      " $$ BEGIN RAISE EXCEPTION 'planted poison'; END $$;" +
      ' GRANT EXECUTE ON FUNCTION test_poison () TO PUBLIC;' +
      ' DROP TRIGGER IF EXISTS test_poison ON orders;' +
      ' CREATE TRIGGER test_poison BEFORE INSERT ON orders FOR EACH ROW' +
      ` WHEN (NEW.user_id = ${BigInt(shopper.userId)} AND NEW.status = 2) EXECUTE FUNCTION test_poison ()`,
  )
  try {
    const { order_id } = await shop.buy(saleId, shopper)
    return await until('dead letter', async () => {
      const letters = await shop.deadLetters()
      return letters.find((letter) => letter.message.order_id === order_id) ?? null
    })
  } finally {
    await shop.sql('DROP TRIGGER IF EXISTS test_poison ON orders')
  }
}

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { DeadLetter } from '../../src/shared/api/types'
import type { Shop, Shopper } from './shop'
import { until } from './until'

const run = promisify(execFile)

/** As PostgreSQL's administrator, past the system. */
async function sql({ instance: { folder } }: Shop, query: string): Promise<void> {
  const PGPASSWORD = (await readFile(join(folder, 'postgres-password'), 'utf8')).trim()
  const words = [
    '-Xq',
    '-v',
    'ON_ERROR_STOP=1',
    '-h',
    join(folder, 'run'),
    '-U',
    'postgres',
    '-d',
    'minishop',
  ]
  await run('psql', [...words, '-c', query], { env: { ...process.env, PGPASSWORD }, cwd: '/' })
}

/** A dead letter: the row of the shopper's order is refused by PostgreSQL, as by a bug, until its deliveries are used up. */
export async function deadLetter(shop: Shop, saleId: string, shopper: Shopper): Promise<DeadLetter> {
  await sql(
    shop,
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
    await sql(shop, 'DROP TRIGGER IF EXISTS test_poison ON orders')
  }
}

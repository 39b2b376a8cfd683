import { openDB, type DBSchema, type IDBPDatabase, type StoreNames } from 'idb'

/**
 * The client's one database. Without IndexedDB (a private window of some browsers) everything lives in memory, for this tab. Once there was a
 * disk it is never silently replaced by memory: what cannot be read is an error, not "nothing".
 */
interface Stores extends DBSchema {
  kept: { key: string; value: string }
  attempts: { key: string; value: unknown }
}
type Database = IDBPDatabase<Stores>

// An opening may hang for ever (a browser that closes, a tab of another version). Reading and writing have no such end: what was given up
// might still be written.
const OPEN_MS_MAX = 5000

let opening: Promise<Database | null> | null = null
let hasDisk = false
const memory = { kept: new Map<string, string>(), attempts: new Map<string, unknown>() }

async function connect(): Promise<Database> {
  const database = await openDB<Stores>('minishop', 1, {
    upgrade(created) {
      created.createObjectStore('kept')
      created.createObjectStore('attempts')
    },
    /** Another tab wants a newer version of the database. */
    blocking: () => {
      database.close()
      opening = null
    },
    /** The browser ended the connection: storage cleared, disk gone, memory short. */
    terminated: () => (opening = null),
  })
  hasDisk = true
  return database
}

function open(): Promise<Database | null> {
  opening ??= connect().catch((error: unknown) => {
    if (!hasDisk) return null
    opening = null
    throw error
  })
  return opening
}

/** @throws if it takes too long; whoever comes later waits for the same opening */
function inTime<T>(opened: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new DOMException('the database does not open', 'TimeoutError')),
      OPEN_MS_MAX,
    )
    opened.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** A connection that died without a word is replaced once. */
async function withDatabase<T>(work: (database: Database) => Promise<T>, inMemory: () => T): Promise<T> {
  const first = open()
  const database = await inTime(first)
  if (!database) return inMemory()
  try {
    return await work(database)
  } catch {
    if (opening === first) {
      database.close()
      opening = null
    }
    const again = await inTime(open())
    return again ? work(again) : inMemory()
  }
}

function put<S extends StoreNames<Stores>>(store: S, key: string, value: Stores[S]['value']): Promise<void> {
  return withDatabase(
    async (database) => {
      await database.put(store, value, key)
    },
    () => void (memory[store] as Map<string, unknown>).set(key, value),
  )
}

function remove(store: StoreNames<Stores>, key: string): Promise<void> {
  return withDatabase(
    (database) => database.delete(store, key),
    () => void memory[store].delete(key),
  )
}

export async function get(key: string): Promise<string | null> {
  const value = await withDatabase(
    (database) => database.get('kept', key),
    () => memory.kept.get(key),
  )
  return value ?? null
}

export function set(key: string, value: string): Promise<void> {
  return put('kept', key, value)
}

export function del(key: string): Promise<void> {
  return remove('kept', key)
}

/** Resolves when the attempt is on disk: only then may it be sent. */
export function putAttempt(id: string, attempt: unknown): Promise<void> {
  return put('attempts', id, attempt)
}

/** @throws if there may be one that cannot be read */
export function getAttempt(id: string): Promise<unknown> {
  return withDatabase<unknown>(
    (database) => database.get('attempts', id),
    () => memory.attempts.get(id),
  )
}

export function deleteAttempt(id: string): Promise<void> {
  return remove('attempts', id)
}

export function clearAttempts(): Promise<void> {
  return withDatabase(
    (database) => database.clear('attempts'),
    () => memory.attempts.clear(),
  )
}

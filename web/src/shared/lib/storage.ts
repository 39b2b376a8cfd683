import { openDB, type DBSchema, type IDBPDatabase } from 'idb'

/** The client's one database. Without IndexedDB (a private window of some browsers) everything lives in memory, for this tab. */
interface Stores extends DBSchema {
  kept: { key: string; value: string }
  attempts: { key: string; value: unknown }
}

let opening: Promise<IDBPDatabase<Stores> | null> | null = null
const memory = new Map<string, unknown>()

function open(): Promise<IDBPDatabase<Stores> | null> {
  opening ??= openDB<Stores>('minishop', 1, {
    upgrade(database) {
      database.createObjectStore('kept')
      database.createObjectStore('attempts')
    },
  }).catch(() => null)
  return opening
}

export async function get(key: string): Promise<string | null> {
  const database = await open()
  return (await database?.get('kept', key)) ?? null
}

export async function set(key: string, value: string): Promise<void> {
  const database = await open()
  await database?.put('kept', value, key)
}

export async function del(key: string): Promise<void> {
  const database = await open()
  await database?.delete('kept', key)
}

/** Resolves when the attempt is on disk: only then may it be sent. */
export async function putAttempt(id: string, attempt: unknown): Promise<void> {
  const database = await open()
  if (database) await database.put('attempts', attempt, id)
  else memory.set(id, attempt)
}

export async function getAttempt(id: string): Promise<unknown> {
  const database = await open()
  return database ? database.get('attempts', id) : memory.get(id)
}

export async function deleteAttempt(id: string): Promise<void> {
  const database = await open()
  if (database) await database.delete('attempts', id)
  else memory.delete(id)
}

export async function allAttempts(): Promise<unknown[]> {
  const database = await open()
  return database ? database.getAll('attempts') : [...memory.values()]
}

export async function clearAttempts(): Promise<void> {
  const database = await open()
  await database?.clear('attempts')
  memory.clear()
}

/** The disk: a connection that the browser ended is replaced, without IndexedDB memory serves, and what cannot be read is an error. */
import type * as Storage from './storage'
import { IDBFactory } from 'fake-indexeddb'
import * as idb from 'idb'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

let storage: typeof Storage

beforeEach(async () => {
  vi.resetModules()
  vi.stubGlobal('indexedDB', new IDBFactory())
  storage = await import('./storage')
})
afterEach(() => vi.unstubAllGlobals())

/** What the browser does when it needs the memory or the disk is gone. */
function killConnections(): void {
  const open = connections.splice(0)
  for (const database of open) database.close()
}
const connections: IDBDatabase[] = []

function watchConnections(): void {
  const open = indexedDB.open.bind(indexedDB)
  vi.spyOn(indexedDB, 'open').mockImplementation((name, version) => {
    const request = open(name, version)
    request.addEventListener('success', () => connections.push(request.result))
    return request
  })
}

describe('a connection that died', () => {
  it('is replaced: nothing is lost, and writing goes on', async () => {
    watchConnections()
    await storage.putAttempt('a', { key: 'k1' })
    await storage.set('text', 'kept')
    killConnections()
    expect(await storage.getAttempt('a')).toEqual({ key: 'k1' })
    killConnections()
    await storage.putAttempt('a', { key: 'k2' })
    killConnections()
    expect(await storage.get('text')).toBe('kept')
    expect(await storage.getAttempt('a')).toEqual({ key: 'k2' })
  })

  it('and cannot be replaced is an error, never "nothing"', async () => {
    watchConnections()
    await storage.putAttempt('a', { key: 'k1' })
    killConnections()
    const broken = vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('disk', 'UnknownError')
    })
    await expect(storage.getAttempt('a')).rejects.toThrow('disk')
    await expect(storage.putAttempt('a', 1)).rejects.toThrow('disk')
    broken.mockRestore()
    expect(await storage.getAttempt('a')).toEqual({ key: 'k1' })
  })

  it('makes way for a newer version of the database', async () => {
    await storage.set('text', 'kept')
    const newer = indexedDB.open('minishop', 2)
    await new Promise((resolve, reject) => {
      newer.onsuccess = resolve
      newer.onblocked = () => reject(new Error('blocked'))
    })
  })
})

describe('an opening that hangs', () => {
  afterEach(() => vi.useRealTimers())

  it('is an error after a while, never "nothing"', async () => {
    await storage.putAttempt('a', { key: 'k1' })
    const holder = await idb.openDB('minishop', 1)
    const newer = indexedDB.open('minishop', 2) // who comes after it waits for the holder to make way
    await new Promise((resolve) => (newer.onblocked = resolve))
    vi.resetModules()
    storage = await import('./storage')
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const read = storage.getAttempt('a')
    const refused = expect(read).rejects.toThrow('does not open')
    await vi.advanceTimersByTimeAsync(5000)
    await refused
    holder.close()
  })
})

describe('without IndexedDB', () => {
  it('memory keeps texts and attempts for this tab', async () => {
    vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('private', 'InvalidStateError')
    })
    await storage.set('text', 'kept')
    expect(await storage.get('text')).toBe('kept')
    await storage.del('text')
    expect(await storage.get('text')).toBeNull()
    await storage.putAttempt('a', 1)
    expect(await storage.getAttempt('a')).toBe(1)
    await storage.deleteAttempt('a')
    expect(await storage.getAttempt('a')).toBeUndefined()
    await storage.putAttempt('b', 2)
    await storage.clearAttempts()
    expect(await storage.getAttempt('b')).toBeUndefined()
  })
})

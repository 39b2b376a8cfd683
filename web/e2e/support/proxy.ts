import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * What the network does with the requests that match:
 * - `pass`    carries them
 * - `refuse`  the connection breaks before the request leaves
 * - `lose`    the request arrives, its answer does not: the connection breaks instead
 * - `tear`    breaks in the middle of the answer
 * - `hold`    the request arrives, the answer is kept until `release`
 */
export type Weather = 'pass' | 'refuse' | 'lose' | 'tear' | 'hold'

export const purchaseSent = /^POST \/api\/v1\/sales\/\d+\/purchases /
export const purchaseAsked = /^GET \/api\/v1\/sales\/\d+\/purchases\//
export const purchaseAny = /^(POST|GET) \/api\/v1\/sales\/\d+\/purchases/

const head = /^[A-Z]+ \/\S* HTTP\/1\.1\r\n/

/** The network between one browser and nginx: a TCP proxy that carries bytes as they are, until the weather changes. */
export class Network {
  private server: Server | undefined
  private rules: [Weather, RegExp][] = []
  private isDown = false
  private readonly sockets = new Set<Socket>()
  private readonly held: (() => void)[] = []
  private struck: Weather[] = []
  private listeners: (() => void)[] = []
  url = ''

  constructor(private readonly portTo: number) {}

  async start(): Promise<this> {
    this.server = createServer((client) => {
      this.accept(client)
    })
    const { server } = this
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    this.url = `http://127.0.0.1:${address.port}`
    return this
  }

  /** From now on, for requests that begin so; the first rule that fits counts. */
  set(...rules: [Weather, RegExp][]): void {
    this.rules = rules
    this.struck = []
  }

  /** Nobody is reached, and every open connection breaks. */
  down(): void {
    this.isDown = true
    this.breakAll()
  }

  up(): void {
    this.isDown = false
    this.set()
  }

  /** Lets go what was held. */
  release(): void {
    for (const go of this.held.splice(0)) go()
  }

  /** Resolves when a request was struck so (its answer was made, unless it was refused). */
  async hasStruck(weather: Weather, times = 1): Promise<void> {
    while (this.struck.filter((seen) => seen === weather).length < times)
      await new Promise<void>((resolve) => this.listeners.push(resolve))
  }

  breakAll(): void {
    for (const socket of this.sockets) socket.destroy()
    this.held.length = 0
  }

  async stop(): Promise<void> {
    this.breakAll()
    await new Promise((resolve) => this.server?.close(resolve))
  }

  private strike(weather: Weather): void {
    this.struck.push(weather)
    for (const tell of this.listeners.splice(0)) tell()
  }

  private accept(client: Socket): void {
    if (this.isDown) {
      client.destroy()
      return
    }
    const upstream = connect(this.portTo, '127.0.0.1')
    let fate: Weather = 'pass'
    const end = (): void => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      this.sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('close', () => this.sockets.delete(socket))
      socket.on('error', end)
    }
    client.on('end', () => upstream.end())
    upstream.on('end', () => {
      if (fate !== 'hold') client.end()
    })
    client.on('data', (bytes: Buffer) => {
      // A browser waits for an answer before its next request, and sends a head in one piece; a body may follow alone.
      const text = bytes.toString('latin1')
      if (head.test(text)) fate = this.rules.find(([, begin]) => begin.test(text))?.[0] ?? 'pass'
      if (fate === 'refuse') {
        end()
        this.strike(fate)
      } else upstream.write(bytes)
    })
    upstream.on('data', (bytes: Buffer) => {
      if (fate === 'pass') client.write(bytes)
      else if (fate === 'hold') this.held.push(() => client.write(bytes))
      else {
        if (fate === 'tear') client.write(bytes.subarray(0, bytes.length / 2))
        // What was written leaves before the connection breaks.
        setImmediate(end)
      }
      if (fate !== 'pass') this.strike(fate)
    })
  }
}

import { execFile } from 'node:child_process'
import { access, chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../../..')

export const programs = process.env.MINISHOP_BIN ?? join(root, 'build/release/bin')
export const operatorPassword = 'a long enough password'

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** One MiniShop of its own: Redis, PostgreSQL, all actors, nginx with the built pages. */
export class Instance {
  private constructor(
    readonly folder: string,
    readonly port: number,
  ) {}

  static async start(): Promise<Instance> {
    await access(join(programs, '../web/index.html')).catch(() => {
      throw new Error(`no pages in ${join(programs, '../web')}: scripts/build makes them`)
    })
    const folder = await mkdtemp(join(process.env.E2E_TMP ?? tmpdir(), 'minishop.e2e.'))
    await chmod(folder, 0o755) // the services' users must be able to enter
    const instance = new Instance(folder, await freePort())
    await instance.minishop('up', '--detach', '--no-demo')
    return instance
  }

  /** The command line of this instance; returns what it prints. */
  async minishop(...words: string[]): Promise<string> {
    const env = {
      ...process.env,
      MINISHOP_DIR: this.folder,
      MINISHOP_PORT: String(this.port),
      MINISHOP_ADMIN_PASSWORD: operatorPassword,
    }
    return (await run(join(programs, 'minishop'), words, { env, maxBuffer: 2 ** 26 })).stdout
  }

  async remove(): Promise<void> {
    await this.minishop('down')
    await rm(this.folder, { recursive: true, force: true })
  }

  static at(folder: string, port: number): Instance {
    return new Instance(folder, port)
  }
}

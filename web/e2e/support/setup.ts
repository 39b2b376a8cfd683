import { Instance } from './instance'

/** Starts the instance that all tests share; with E2E_DIR and E2E_PORT they use one that runs already. */
export default async function setup(): Promise<() => Promise<void>> {
  if (process.env.E2E_DIR && process.env.E2E_PORT) return () => Promise.resolve()
  const began = performance.now()
  const instance = await Instance.start()
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`instance on port ${instance.port}, started in ${seconds} s`)
  process.env.E2E_DIR = instance.folder
  process.env.E2E_PORT = String(instance.port)
  return () => instance.remove()
}

// What eslint does not see: the generated types are of today's contract, and both catalogues say the same things.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'types-'))
const fresh = join(folder, 'schema.d.ts')
execFileSync('npx', ['openapi-typescript', '../schema/openapi.yaml', '-o', fresh], {
    stdio: ['ignore', 'ignore', 'inherit'],
})
const isFresh = readFileSync(fresh, 'utf8') === readFileSync('src/shared/api/schema.d.ts', 'utf8')
rmSync(folder, { recursive: true })
if (!isFresh) {
    console.error('src/shared/api/schema.d.ts is not of schema/openapi.yaml: npm run types')
    process.exit(1)
}

import js from '@eslint/js'
import i18next from 'eslint-plugin-i18next'
import a11y from 'eslint-plugin-jsx-a11y'
import hooks from 'eslint-plugin-react-hooks'
import tseslint from 'typescript-eslint'

const features = ['sales', 'purchase', 'orders', 'account', 'operate']

/** Imports go one way: app → features → shared; a feature knows no other feature. */
const ways = features.map((name) => ({
    files: [`src/features/${name}/**`],
    rules: {
        'no-restricted-imports': [
            'error',
            {
                patterns: [
                    { group: ['@/app/*', '**/app/*'], message: 'A feature does not know the app.' },
                    {
                        group: features
                            .filter((other) => other !== name)
                            .flatMap((other) => [
                                `@/features/${other}/*`,
                                `**/features/${other}/*`,
                                `../${other}/*`,
                            ]),
                        message: 'Features do not import each other: app/ puts them together.',
                    },
                ],
            },
        ],
    },
}))

export default tseslint.config(
    { ignores: ['dist', 'node_modules', 'public', 'src/shared/api/schema.d.ts', 'e2e/report', 'scripts'] },
    js.configs.recommended,
    ...tseslint.configs.strictTypeChecked,
    {
        languageOptions: {
            parserOptions: {
                projectService: { allowDefaultProject: ['eslint.config.js'] },
                tsconfigRootDir: import.meta.dirname,
            },
        },
        rules: {
            '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
            '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
            '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
            'max-lines': ['error', { max: 200 }],
        },
    },
    { files: ['eslint.config.js'], extends: [tseslint.configs.disableTypeChecked] },
    { files: ['src/**/*.tsx'], ...a11y.flatConfigs.strict },
    {
        files: ['src/**/*.{ts,tsx}'],
        plugins: { 'react-hooks': hooks },
        rules: { 'react-hooks/rules-of-hooks': 'error', 'react-hooks/exhaustive-deps': 'error' },
    },
    {
        files: ['src/**/*.tsx'],
        ignores: ['src/**/*.test.tsx'],
        plugins: { i18next },
        rules: { 'i18next/no-literal-string': ['error', { mode: 'jsx-text-only' }] },
    },
    ...ways,
    {
        files: ['src/shared/**'],
        rules: {
            'no-restricted-imports': [
                'error',
                {
                    patterns: [
                        {
                            group: ['@/app/*', '@/features/*'],
                            message: 'shared/ knows neither app nor features.',
                        },
                    ],
                },
            ],
        },
    },
)

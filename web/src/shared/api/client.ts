import axios, { type AxiosRequestConfig, type AxiosResponse } from 'axios'
import { ApiError } from './error'
import type { Problem } from './types'

const TIMEOUT_MS = 12_000 // above every deadline of the server, which answers "busy" itself

const http = axios.create({
  baseURL: new URL('/api/v1', window.location.origin).href,
  timeout: TIMEOUT_MS,
  headers: { Accept: 'application/json' },
})

/** An answer, with how long it may be used: the server's word on when to ask again. */
export interface Answer<T> {
  data: T
  /** ms, from Cache-Control's max-age; 0 = it says nothing. */
  maxAgeMs: number
}

/**
 * For what is the same for everybody: without the session's cookie, so that nginx answers from its cache. XMLHttpRequest sends cookies to its
 * own origin whatever it is told; fetch does not.
 */
export const anonymous = {
  adapter: 'fetch',
  withCredentials: false,
  env: { fetch: takeEarly },
} satisfies AxiosRequestConfig

declare global {
  interface Window {
    /** What public/early.js has asked already. */
    minishopEarly?: { path: string; answer: Promise<Response> } | undefined
  }
}

/** fetch; but the first question of a sale's page was sent before its scripts came, and has its answer taken, once. */
function takeEarly(input: URL | Request | string, init?: RequestInit): Promise<Response> {
  const early = window.minishopEarly
  const url = input instanceof Request ? input.url : String(input)
  if (!early || new URL(url, location.origin).pathname !== early.path) return fetch(input, init)
  window.minishopEarly = undefined
  return early.answer.catch(() => fetch(input, init))
}

/** Sends one request. @throws ApiError, and nothing else; an abort by `signal` too, as `network`. */
export async function request<T>(config: AxiosRequestConfig): Promise<T> {
  return (await send<T>(config)).data
}

export async function requestPaced<T>(config: AxiosRequestConfig): Promise<Answer<T>> {
  const response = await send<T>(config)
  const maxAge = /max-age=(\d+)/.exec(header(response, 'cache-control'))
  return { data: response.data, maxAgeMs: maxAge ? Number(maxAge[1]) * 1000 : 0 }
}

async function send<T>(config: AxiosRequestConfig): Promise<AxiosResponse<T>> {
  try {
    return await http.request<T>(config)
  } catch (error) {
    throw toApiError(error)
  }
}

const timeouts = ['ECONNABORTED', 'ETIMEDOUT'] // of XMLHttpRequest, of fetch

function toApiError(error: unknown): ApiError {
  if (!axios.isAxiosError(error)) return new ApiError('malformed', 0, null, null)
  const response: AxiosResponse<unknown> | undefined = error.response
  if (!response)
    return new ApiError(timeouts.includes(error.code ?? '') ? 'timeout' : 'network', 0, null, null)
  const problem = isProblem(response.data) ? response.data : null
  const seconds = Number(header(response, 'retry-after'))
  const headerMs = header(response, 'retry-after') !== '' && Number.isFinite(seconds) ? seconds * 1000 : null
  return new ApiError(
    problem ? 'problem' : 'malformed',
    response.status,
    problem,
    problem?.retry_after_ms ?? headerMs,
  )
}

function header(response: AxiosResponse<unknown>, name: string): string {
  const value: unknown = response.headers[name]
  return typeof value === 'string' ? value : ''
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && typeof body.code === 'string'
}

// All that is wrong with a text, from every source, in one list with lines and columns.

import { offsetOf, placeAt } from "./places.js"
import { checkKeys } from "./schema.js"
import { MOST_PROBLEMS } from "./tokens.js"

const SAYS_MISSING = new Set(["missing-comma", "missing-colon", "missing-value"])
const PLACE_IN_MESSAGE = /^\s*line \d+(?:, column \d+)?\s*:\s*/i

/**
 * The server's errors ({line, column, message}) as problems of `text`.
 *
 * A place that the text does not have becomes the nearest one; what is no such list is no error.
 */
export function serverProblems(text, read, errors) {
  if (!Array.isArray(errors)) return []
  return errors
    .filter((error) => error && typeof error.message === "string")
    .map((error) => {
      const at = offsetOf(text, read.lineStarts, Number(error.line) || 1, Number(error.column) || 1)
      const token = read.tokens.find(({ from, to }) => from <= at && at < to)
      const to = token ? token.to : Math.min(text.length, at + 1)
      return { code: "server", from: at, to, severity: "error", message: error.message.replace(PLACE_IN_MESSAGE, "") }
    })
}

/**
 * The problems of a text in its order, each with `line` and `column`.
 *
 * `read` is what `readJson` made of it, `keys` the known keys or null, `fromServer` the problems of
 * `serverProblems`, which hold only while the text is what the server saw. A mistake that the server and the editor
 * both name at one place is listed once, in the server's words, since the page shows those above the form.
 */
export function allProblems(text, read, keys, fromServer = []) {
  const own = [...read.problems, ...(keys ? checkKeys(read.root, keys) : [])]
  const isTwin = (mine, theirs) =>
    mine.severity === "error" &&
    (mine.from === theirs.from ||
      // What is missing is missing after the last sign for the editor, before the next one for the server.
      (mine.to <= theirs.from && SAYS_MISSING.has(mine.code) && text.slice(mine.to, theirs.from).trim() === ""))
  const server = fromServer.map((theirs) => {
    const twin = own.find((mine) => isTwin(mine, theirs))
    return twin?.fix ? { ...theirs, to: Math.max(theirs.to, twin.to), fix: twin.fix } : theirs
  })
  const rest = own.filter((mine) => !fromServer.some((theirs) => isTwin(mine, theirs)))
  return [...server, ...rest]
    .sort((a, b) => a.from - b.from || a.to - b.to)
    .map((problem) => ({ ...problem, ...placeAt(text, read.lineStarts, problem.from) }))
}

/** "line 5, column 45: a comma ..." */
export function located({ line, column, message }) {
  return `line ${line}, column ${column}: ${message}`
}

/** "2 errors and 1 warning", or "" for no problem. */
export function counted(problems) {
  const errors = problems.filter(({ severity }) => severity === "error").length
  const warnings = problems.length - errors
  const words = []
  // Neither the reader nor the check of the keys goes on after so many.
  const number = (count, word) =>
    `${count >= MOST_PROBLEMS ? "at least " : ""}${count} ${word}${count === 1 ? "" : "s"}`
  if (errors) words.push(number(errors, "error"))
  if (warnings) words.push(number(warnings, "warning"))
  return words.join(" and ")
}

/** The problem that a person should hear of first: the first error, or the first of all where none is an error. */
export function foremost(problems) {
  return problems.find(({ severity }) => severity === "error") ?? problems[0] ?? null
}

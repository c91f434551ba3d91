import assert from "node:assert/strict"
import { describe, it } from "node:test"

import { readJson } from "../src/json.js"
import { allProblems, counted, foremost, located, serverProblems } from "../src/problems.js"

const KEYS = { A: { schema: { type: "boolean" } } }

function listed(text, errors = [], keys = null) {
  const read = readJson(text)
  return allProblems(text, read, keys, serverProblems(text, read, errors)).map(located)
}

describe("the list of problems", () => {
  it("is in the order of the text, with lines and columns", () => {
    assert.deepEqual(listed('{"A": 1,\n "b": 2,\n}', [], KEYS), [
      'line 1, column 7: the value of "A" must be true or false, but it is a number',
      'line 2, column 2: "b" is not a known key: it is kept, but perhaps nothing reads it',
      "line 2, column 8: a comma may not stand before the closing brace: remove it",
    ])
  })

  it("has the server's errors, without a second naming of their place", () => {
    assert.deepEqual(listed('{"A": true}', [{ line: 1, column: 7, message: "Line 1, column 7: not for this site." }]), [
      "line 1, column 7: not for this site.",
    ])
  })

  it("names a mistake once that the server and the editor both found", () => {
    assert.deepEqual(listed('{"A": 1,}', [{ line: 1, column: 8, message: "remove this comma." }]), [
      "line 1, column 8: remove this comma.",
    ])
    assert.deepEqual(listed('{"A": 1\n  "b": 2}', [{ line: 2, column: 3, message: "a comma is expected." }]), [
      "line 2, column 3: a comma is expected.",
    ])
    assert.deepEqual(listed('{"A" 1}', [{ line: 1, column: 6, message: "a colon is expected." }]), [
      "line 1, column 6: a colon is expected.",
    ])
  })

  it("keeps the editor's fix for a mistake that the server named", () => {
    const text = '{"A": 1,}'
    const read = readJson(text)
    const [problem] = allProblems(text, read, null, serverProblems(text, read, [{ line: 1, column: 8, message: "x" }]))
    assert.equal(problem.code, "server")
    assert.equal(problem.fix.label, "Remove the comma")
  })

  it("takes a place of 0 for the whole text, and no list for no error", () => {
    assert.deepEqual(listed("{}", [{ line: 0, column: 0, message: "too large." }]), ["line 1, column 1: too large."])
    assert.deepEqual(listed("{}", "nonsense"), [])
    assert.deepEqual(listed("{}", [null, 3, {}]), [])
  })

  it("counts in words", () => {
    const error = { severity: "error" }
    const warning = { severity: "warning" }
    assert.equal(counted([]), "")
    assert.equal(counted([error]), "1 error")
    assert.equal(counted([error, error, warning]), "2 errors and 1 warning")
    assert.equal(counted([warning, warning]), "2 warnings")
  })

  it("puts an error before a warning that stands earlier", () => {
    assert.equal(
      foremost([
        { severity: "warning", code: "a" },
        { severity: "error", code: "b" },
      ]).code,
      "b",
    )
    assert.equal(foremost([]), null)
  })
})

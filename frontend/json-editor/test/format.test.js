import assert from "node:assert/strict"
import { describe, it } from "node:test"

import { applyChanges, formatChanges, offsetAfter } from "../src/format.js"
import { readJson } from "../src/json.js"

const formatted = (text) => applyChanges(text, formatChanges(text, readJson(text).tokens))

describe("formatting", () => {
  it("gives two blanks a level, as Python's json.dumps(indent=2)", () => {
    assert.equal(
      formatted('{"a":{"b":[1,{"c":null}],"d":[],"e":{}},"f":"x"}'),
      `{
  "a": {
    "b": [
      1,
      {
        "c": null
      }
    ],
    "d": [],
    "e": {}
  },
  "f": "x"
}`,
    )
  })

  it("keeps the order of keys, spellings of numbers and texts, and keys that stand twice", () => {
    const text = '{ "z": 1.0, "a": 1e3, "10": 12345678901234567890, "2": -0.10, "z": "\\u00e9\\/", "b": 1E+2 }'
    assert.equal(
      formatted(text),
      `{
  "z": 1.0,
  "a": 1e3,
  "10": 12345678901234567890,
  "2": -0.10,
  "z": "\\u00e9\\/",
  "b": 1E+2
}`,
    )
  })

  it("moves white space only", () => {
    const text = ' {"a" :\t[ 1 ,2.50,\r\n{ } , [\n]],\n\n"b , c": " x  y "}\n\n'
    const bare = (some) =>
      readJson(some)
        .tokens.map(({ from, to }) => some.slice(from, to))
        .join(" ")
    assert.equal(bare(formatted(text)), bare(text))
  })

  it("changes nothing in what is formatted already", () => {
    const text = formatted('{"a": [1, {"b": {}}]}')
    assert.deepEqual(formatChanges(text, readJson(text).tokens), [])
  })

  it("leaves a cursor behind its letter", () => {
    const text = ' {"abc" :[1,\n\n\n2 ],"d":  "e"}  '
    const changes = formatChanges(text, readJson(text).tokens)
    const after = applyChanges(text, changes)
    for (let at = 1; at <= text.length; at++) {
      if (text[at - 1].trim()) assert.equal(after[offsetAfter(changes, at) - 1], text[at - 1], `${at}: ${text[at - 1]}`)
    }
    assert.equal(offsetAfter(changes, text.length), after.length)
    assert.equal(offsetAfter([], 3), 3)
  })

  it("handles the plainest texts", () => {
    assert.equal(formatted(" {\n } "), "{}")
    assert.equal(formatted("[ [ ] ]"), "[\n  []\n]")
    assert.equal(formatted(" 1.50 "), "1.50")
  })
})

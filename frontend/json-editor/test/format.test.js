import assert from "node:assert/strict"
import { describe, it } from "node:test"

import { applyChanges, formatChanges } from "../src/format.js"
import { readJson } from "../src/json.js"

const formatted = (text) => applyChanges(text, formatChanges(text, readJson(text).tokens))

describe("formatting", () => {
  it("gives two blanks a level, as Python's json.dumps(indent=2)", () => {
    assert.equal(formatted('{"a":{"b":[1,{"c":null}],"d":[],"e":{}},"f":"x"}'), `{
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
}`)
  })

  it("keeps the order of keys, spellings of numbers and texts, and keys that stand twice", () => {
    const text = '{ "z": 1.0, "a": 1e3, "10": 12345678901234567890, "2": -0.10, "z": "\\u00e9\\/", "b": 1E+2 }'
    assert.equal(formatted(text), `{
  "z": 1.0,
  "a": 1e3,
  "10": 12345678901234567890,
  "2": -0.10,
  "z": "\\u00e9\\/",
  "b": 1E+2
}`)
  })

  it("moves white space only", () => {
    const text = ' {"a" :\t[ 1 ,2.50,\r\n{ } , [\n]],\n\n"b , c": " x  y "}\n\n'
    const bare = (some) => readJson(some).tokens.map(({ from, to }) => some.slice(from, to)).join(" ")
    assert.equal(bare(formatted(text)), bare(text))
  })

  it("changes nothing in what is formatted already", () => {
    const text = formatted('{"a": [1, {"b": {}}]}')
    assert.deepEqual(formatChanges(text, readJson(text).tokens), [])
  })

  it("handles the plainest texts", () => {
    assert.equal(formatted(" {\n } "), "{}")
    assert.equal(formatted("[ [ ] ]"), "[\n  []\n]")
    assert.equal(formatted(" 1.50 "), "1.50")
  })
})

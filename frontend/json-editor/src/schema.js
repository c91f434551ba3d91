// What the server says about the known keys, put to use: help, checks and proposals.
//
// The server's answer is {"keys": {NAME: {"schema", "meaning", "default", "example", "secret", "tenant_writable",
// "denied"}}}; every part but the name may be absent. The checks here are for quick help while typing: the server
// decides, and it alone knows patterns and formats, whose language differs from the browser's.

import { ITEM } from "./context.js"
import { MOST_PROBLEMS } from "./tokens.js"

const KINDS = {
  string: "a text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  object: "an object { }",
  array: "a list [ ]",
  null: "null",
}
const PLURALS = {
  string: "texts",
  integer: "whole numbers",
  number: "numbers",
  boolean: "true or false",
  object: "objects { }",
  array: "lists [ ]",
  null: "null",
}
const MOST_SHOWN = 6
// What the server shows in the place of a secret, of whatever type.
const MASK = "********"

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value)
const typesOf = (schema) => (Array.isArray(schema.type) ? schema.type : schema.type ? [schema.type] : [])
const choicesOf = (schema) => schema.anyOf ?? schema.oneOf

function joined(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`
}

/** The type that a JSON Schema fragment asks for, in words: "a text or a list of texts". */
export function typeInWords(schema) {
  if (!isObject(schema)) return "any value"
  if (Array.isArray(schema.enum)) {
    const shown = schema.enum.slice(0, MOST_SHOWN).map((value) => JSON.stringify(value))
    return schema.enum.length > MOST_SHOWN
      ? `one of ${shown.join(", ")} and ${schema.enum.length - MOST_SHOWN} more`
      : joined(shown)
  }
  if ("const" in schema) return JSON.stringify(schema.const)
  const choices = choicesOf(schema)
  if (choices) return joined([...new Set(choices.map(typeInWords))])
  const types = typesOf(schema)
  if (!types.length) return "any value"
  return joined(
    types.map((type) => {
      const item = type === "array" && isObject(schema.items) ? typesOf(schema.items) : []
      return item.length === 1 ? `a list of ${PLURALS[item[0]] ?? item[0]}` : (KINDS[type] ?? type)
    }),
  )
}

/** Every schema fragment that a value at `path` may follow; none for a place that the schema says nothing about. */
export function schemasAt(keys, path) {
  if (!path.length || !Object.hasOwn(keys, path[0])) return []
  let schemas = alternatives(keys[path[0]].schema)
  for (const step of path.slice(1)) {
    schemas = schemas.flatMap((schema) => {
      if (step === ITEM) return alternatives(schema.items)
      if (isObject(schema.properties) && Object.hasOwn(schema.properties, step))
        return alternatives(schema.properties[step])
      return alternatives(schema.additionalProperties)
    })
  }
  return schemas
}

function alternatives(schema) {
  if (!isObject(schema)) return []
  const choices = choicesOf(schema)
  return choices ? choices.flatMap(alternatives) : [schema]
}

/**
 * The help for the key at the end of `path`, as {name, type, meaning, facts: [text]}; null for an unknown key.
 */
export function describe(keys, path) {
  const name = path.findLast((step) => step !== ITEM)
  if (path.length > 1) {
    const [schema] = schemasAt(keys, path)
    if (!schema) return null
    const facts = "default" in schema ? [`Default: ${JSON.stringify(schema.default)}`] : []
    return { name, type: typeInWords(schema), meaning: schema.description ?? schema.title ?? "", facts }
  }
  if (!Object.hasOwn(keys, name)) return null
  const entry = keys[name]
  const facts = []
  if (entry.default !== undefined && entry.default !== null) facts.push(`Default: ${JSON.stringify(entry.default)}`)
  if (entry.secret) facts.push("Secret: stored encrypted and shown masked.")
  if (entry.tenant_writable === false) facts.push("Only a platform operator may set it.")
  if (entry.denied) facts.push(refusal(name, entry))
  return { name, type: typeInWords(entry.schema), meaning: entry.meaning ?? entry.schema?.description ?? "", facts }
}

/** Why a key is denied, in a sentence that names it. */
function refusal(name, entry) {
  const reason = String(entry.denied)
  return reason.includes(name) ? reason : `${JSON.stringify(name)} may not be set from a site: ${reason}`
}

// ---- checks ----------------------------------------------------------------------------------------------------

/**
 * The problems of the keys of `root` (a tree of `readJson`), in the shape of the problems of `readJson`, and as many
 * of them at most.
 *
 * A key that is not known is a warning, since hosts read keys that nobody has listed; a denied key and a value of the
 * wrong type are errors, since the server refuses them.
 */
export function checkKeys(root, keys) {
  if (root?.type !== "object") return []
  const problems = []
  const offered = Object.keys(keys).filter((name) => !keys[name].denied)
  // A denied name is denied in any case of letters.
  const denied = new Map(
    Object.keys(keys)
      .filter((name) => keys[name].denied)
      .map((name) => [name.toUpperCase(), name]),
  )
  for (const { key, value } of root.members) {
    if (problems.length >= MOST_PROBLEMS) break
    const forbidden = denied.get(key.value.toUpperCase())
    if (forbidden) {
      problems.push({
        code: "denied-key",
        from: key.from,
        to: key.to,
        severity: "error",
        message: refusal(forbidden, keys[forbidden]),
      })
    } else if (!Object.hasOwn(keys, key.value)) {
      // A key without a value yet is still being written: its next letter may make it a known one.
      if (value) problems.push(unknownKey(key, offered))
    } else if (value && value.type !== "null" && !(keys[key.value].secret && value.value === MASK)) {
      // The server takes null for every known key, and keeps the secret that a mask stands for.
      const problem = mismatch(value, keys[key.value].schema, `the value of ${JSON.stringify(key.value)}`)
      if (problem) problems.push(problem)
    }
  }
  return problems
}

function unknownKey(key, offered) {
  const shown = JSON.stringify(key.value)
  const problem = { code: "unknown-key", from: key.from, to: key.to, severity: "warning" }
  const meant = nearest(key.value, offered)
  if (!meant) return { ...problem, message: `${shown} is not a known key: it is kept, but perhaps nothing reads it` }
  const twin = meant.toLowerCase() === key.value.toLowerCase()
  return {
    ...problem,
    message: `${shown} is not a known key: did you mean ${JSON.stringify(meant)}?${twin ? " Small and capital letters differ." : ""}`,
    fix: { label: `Write ${meant}`, changes: [{ from: key.from, to: key.to, insert: JSON.stringify(meant) }] },
  }
}

/** The first way in which a node does not follow a schema, as a problem, or null. */
function mismatch(node, schema, subject) {
  if (node.type === "unknown" || !isObject(schema)) return null
  const choices = choicesOf(schema)
  if (choices) {
    const answers = choices.map((choice) => mismatch(node, choice, subject))
    if (answers.includes(null)) return null
    // The choice of the right type fails for a reason closer to what was meant.
    return answers.find((answer) => answer.code !== "wrong-type") ?? wrongType(node, schema, subject)
  }
  if (Array.isArray(schema.enum) && !schema.enum.some((value) => equals(node, value))) {
    const types = new Set(schema.enum.map(typeOfValue))
    const code = [...types].some((type) => isOfType(node, type)) ? "wrong-value" : "wrong-type"
    return { ...wrongType(node, schema, subject), code }
  }
  if ("const" in schema && !equals(node, schema.const)) return wrongType(node, schema, subject)
  const types = typesOf(schema)
  if (types.length && !types.some((type) => isOfType(node, type))) return wrongType(node, schema, subject)
  if (node.type === "number") {
    if (typeof schema.minimum === "number" && node.value < schema.minimum)
      return wrongValue(node, `${subject} must be at least ${schema.minimum}, but it is ${node.raw}`)
    if (typeof schema.maximum === "number" && node.value > schema.maximum)
      return wrongValue(node, `${subject} must be at most ${schema.maximum}, but it is ${node.raw}`)
  }
  if (node.type === "string") {
    const length = [...node.value].length
    if (typeof schema.minLength === "number" && length < schema.minLength) {
      return wrongValue(
        node,
        length === 0
          ? `${subject} may not be an empty text`
          : `${subject} must have at least ${schema.minLength} characters, but has ${length}`,
      )
    }
    if (typeof schema.maxLength === "number" && length > schema.maxLength)
      return wrongValue(node, `${subject} may have ${schema.maxLength} characters, but has ${length}`)
  }
  if (node.type === "array") {
    if (typeof schema.minItems === "number" && node.items.length < schema.minItems)
      return wrongValue(
        node,
        `${subject} must have at least ${schema.minItems} in its list, but has ${node.items.length}`,
      )
    for (const [index, item] of node.items.entries()) {
      const problem = mismatch(item, schema.items, `item ${index + 1} of ${subject}`)
      if (problem) return problem
    }
  }
  if (node.type === "object") {
    const properties = isObject(schema.properties) ? schema.properties : {}
    for (const { key, value } of node.members) {
      const known = Object.hasOwn(properties, key.value)
      if (!known && schema.additionalProperties === false) {
        return {
          code: "wrong-value",
          from: key.from,
          to: key.to,
          severity: "error",
          message: `${JSON.stringify(key.value)} may not stand in ${subject}: it has ${joined(Object.keys(properties).map((name) => JSON.stringify(name)))}`,
        }
      }
      const problem =
        value &&
        mismatch(
          value,
          known ? properties[key.value] : schema.additionalProperties,
          `${JSON.stringify(key.value)} in ${subject}`,
        )
      if (problem) return problem
    }
  }
  return null
}

function wrongType(node, schema, subject) {
  const problem = { code: "wrong-type", ...extent(node), severity: "error" }
  const found =
    node.type === "boolean" ||
    (node.type === "number" && accepts(schema, "integer")) ||
    Array.isArray(schema.enum) ||
    "const" in schema
      ? scalarInWords(node)
      : KINDS[node.type]
  problem.message = `${subject} must be ${typeInWords(schema)}, but it is ${found}`
  // true, false and numbers in quotation marks are the usual slip.
  if (node.type === "string") {
    const bare = node.value.trim()
    const lower = bare.toLowerCase()
    const plain =
      (lower === "true" || lower === "false") && accepts(schema, "boolean")
        ? lower
        : /^-?(?:0|[1-9]\d*)$/.test(bare) && (accepts(schema, "integer") || accepts(schema, "number"))
          ? bare
          : null
    if (plain) {
      problem.message += `: write ${plain} without quotation marks`
      problem.fix = { label: `Write ${plain}`, changes: [{ from: node.from, to: node.to, insert: plain }] }
    }
  }
  return problem
}

function wrongValue(node, message) {
  return { code: "wrong-value", ...extent(node), severity: "error", message }
}

/** What to underline: of a container its opening sign, since a whole page of red helps nobody. */
function extent(node) {
  return { from: node.from, to: node.type === "object" || node.type === "array" ? node.from + 1 : node.to }
}

function scalarInWords(node) {
  if (node.type === "string")
    return JSON.stringify(node.value.length > 40 ? `${node.value.slice(0, 37)}...` : node.value)
  if (node.type === "number") return node.raw
  if (node.type === "boolean" || node.type === "null") return String(node.value)
  return KINDS[node.type]
}

function accepts(schema, type) {
  return alternatives(schema).some((one) => typesOf(one).includes(type))
}

function typeOfValue(value) {
  if (value === null) return "null"
  if (Array.isArray(value)) return "array"
  return typeof value
}

function isOfType(node, type) {
  if (type === "integer") return node.type === "number" && Number.isInteger(node.value)
  return node.type === type
}

/** Whether a node stands for the same value as one from the schema; containers are left to the server. */
function equals(node, value) {
  if (isObject(value) || Array.isArray(value)) return node.type === typeOfValue(value)
  return node.type === typeOfValue(value) && node.value === value
}

// ---- proposals -------------------------------------------------------------------------------------------------

/**
 * The key names that may be written at a context of `contextAt`, as [{name, help, spec}].
 *
 * Keys that the object has already and keys that may not be set are left out.
 */
export function keyProposals(keys, context) {
  const names =
    context.path.length === 0
      ? Object.keys(keys)
          .filter((name) => !keys[name].denied)
          .map((name) => ({ name, schema: keys[name].schema }))
      : schemasAt(keys, context.path)
          .flatMap((schema) => Object.entries(isObject(schema.properties) ? schema.properties : {}))
          .map(([name, schema]) => ({ name, schema }))
  return names
    .filter(({ name }) => !context.present.has(name))
    .map(({ name, schema }) => ({
      name,
      schema: isObject(schema) ? schema : {},
      help: describe(keys, [...context.path, name]),
    }))
}

/** The values that may be written at a context of `contextAt`, as [{text, detail}], `text` in JSON. */
export function valueProposals(keys, context) {
  const { path } = context
  const found = new Map()
  const add = (value, detail) => {
    const text = JSON.stringify(value)
    if (!found.has(text)) found.set(text, { text, detail })
  }
  const entry = path.length === 1 && Object.hasOwn(keys, path[0]) ? keys[path[0]] : null
  if (entry?.denied) return []
  if (entry && entry.default !== undefined && entry.default !== null) add(entry.default, "default")
  if (entry && entry.example !== undefined && entry.example !== null) add(entry.example, "example")
  for (const schema of schemasAt(keys, path)) {
    if (path.length > 1 && "default" in schema) add(schema.default, "default")
    if ("const" in schema) add(schema.const, "")
    for (const value of Array.isArray(schema.enum) ? schema.enum : []) add(value, "")
    for (const value of Array.isArray(schema.examples) ? schema.examples : []) add(value, "example")
    if (Array.isArray(schema.enum) || "const" in schema) continue
    for (const type of typesOf(schema)) {
      if (type === "boolean") {
        add(true, "")
        add(false, "")
      } else if (type === "null") add(null, "")
      else if (type === "object") add({}, "object")
      else if (type === "array") add([], "list")
      else if (type === "string") add("", "text")
    }
  }
  return [...found.values()]
}

/**
 * What to write after a key that was chosen from the proposals: {text, cursor}, `cursor` being the offset in `text`
 * at which the value is typed.
 */
export function valueSkeleton(schema) {
  const [first] = alternatives(schema)
  const types = first && !first.enum && !("const" in first) ? typesOf(first) : []
  const text = { string: '""', array: "[]", object: "{}" }[types[0]] ?? ""
  return { text, cursor: text ? 1 : 0 }
}

// ---- did you mean ----------------------------------------------------------------------------------------------

/** The name that `typed` was probably meant to be, or null. */
export function nearest(typed, names) {
  const lower = typed.toLowerCase()
  const most = typed.length < 3 ? 0 : Math.min(3, Math.floor(typed.length / 4) + 1)
  let best = null
  let least = most + 1
  for (const name of names) {
    const distance = name.toLowerCase() === lower ? 0 : editDistance(lower, name.toLowerCase(), least)
    if (distance < least) {
      best = name
      least = distance
    }
  }
  return best
}

/** How many single slips (a letter too many, too few, wrong, or two swapped) lie between two names; `limit` at most. */
function editDistance(a, b, limit) {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let before = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1)
    }
    if (Math.min(...row) >= limit) return limit
    before = last
    last = row
  }
  return Math.min(last[b.length], limit)
}

// The CodeMirror editor: its state, its keys, and what it asks the other modules.

import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  pickedCompletion,
  startCompletion,
} from "@codemirror/autocomplete"
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands"
import { json } from "@codemirror/lang-json"
import {
  bracketMatching,
  codeFolding,
  foldGutter,
  foldKeymap,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from "@codemirror/language"
import { forceLinting, linter, lintGutter, nextDiagnostic, previousDiagnostic } from "@codemirror/lint"
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search"
import { EditorState, StateEffect, StateField } from "@codemirror/state"
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  hoverTooltip,
  keymap,
  lineNumbers,
} from "@codemirror/view"
import { classHighlighter } from "@lezer/highlight"

import { contextAt, memberAt } from "./context.js"
import { helpElement } from "./dom.js"
import { applyChanges, formatChanges, offsetAfter } from "./format.js"
import { readJson } from "./json.js"
import { allProblems, located, serverProblems } from "./problems.js"
import { describe, keyProposals, typeInWords, valueProposals, valueSkeleton } from "./schema.js"
import { appearance } from "./styles.js"

/** Above this size help is given when asked for, not while typing: reading the whole text takes longer than a key. */
const LARGE = 500_000
const LINT_DELAY = 250

const readings = new WeakMap()

/** What `readJson` makes of the state's text; read once for each text. */
export function reading(state) {
  let read = readings.get(state.doc)
  if (!read) {
    const text = state.doc.toString()
    read = { text, ...readJson(text) }
    readings.set(state.doc, read)
  }
  return read
}

export const setKeys = StateEffect.define()
/** The known keys, {NAME: {...}}, or null until the server has said them. */
export const knownKeys = StateField.define({
  create: () => null,
  update: (value, transaction) =>
    transaction.effects.reduce((keys, effect) => (effect.is(setKeys) ? effect.value : keys), value),
})

/** What the server found wrong: it holds for the text that the server saw, and goes with the first change of it. */
const serverFound = StateField.define({
  create: () => [],
  update: (value, transaction) => (transaction.docChanged ? [] : value),
})

/** Every problem of the state's text, in its order; with null for `keys`, what the known keys say is left out. */
export function problemsOf(state, keys = state.field(knownKeys)) {
  const read = reading(state)
  return allProblems(read.text, read, keys, state.field(serverFound))
}

/** Makes the changes of a problem's fix, if the text still has that problem where it now stands. */
export function applyFix(view, problem, from = problem.from) {
  const now = problemsOf(view.state).find((other) => other.from === from && other.code === problem.code)
  if (!now?.fix) return
  view.dispatch({ changes: now.fix.changes, userEvent: "input.fix", scrollIntoView: true })
}

/** Formats the text; false where it is no JSON, which is then left as it is. */
export function format(view) {
  const read = reading(view.state)
  if (!read.grammatical || view.state.readOnly) return false
  const changes = formatChanges(read.text, read.tokens)
  if (changes.length) {
    // One change of the whole text: a million small ones would be too much for the editor's history.
    const { anchor, head } = view.state.selection.main
    view.dispatch({
      changes: { from: 0, to: read.text.length, insert: applyChanges(read.text, changes) },
      selection: { anchor: offsetAfter(changes, anchor), head: offsetAfter(changes, head) },
      userEvent: "input.format",
      scrollIntoView: true,
    })
  }
  return true
}

/** The help for the key at the cursor, as of `describe`, or null. */
export function helpAtCursor(state) {
  const keys = state.field(knownKeys)
  if (!keys || state.doc.length > LARGE) return null
  const member = memberAt(reading(state).root, state.selection.main.head)
  return member ? describe(keys, member.path) : null
}

// ---- completion ------------------------------------------------------------------------------------------------

function proposals(completion) {
  const { state, pos, explicit } = completion
  const keys = state.field(knownKeys)
  if (!keys || state.readOnly || (!explicit && state.doc.length > LARGE)) return null
  const read = reading(state)
  const context = contextAt(read.text, read.tokens, pos)
  if (!context || (context.from === context.to && !explicit)) return null
  const inQuotes = context.from < context.to && /["'`]/.test(read.text[context.from])
  const from = inQuotes ? context.from + 1 : context.from
  const options = context.kind === "key" ? keyOptions(keys, context) : valueOptions(keys, context, inQuotes)
  return options.length ? { from, options, validFor: /^[\w .-]*$/ } : null
}

function keyOptions(keys, context) {
  return keyProposals(keys, context).map(({ name, schema, help }) => ({
    label: name,
    type: "property",
    detail: typeInWords(schema),
    // Keys that a tenant may set stand before those for platform operators.
    boost: context.path.length === 0 && keys[name].tenant_writable === false ? -1 : 0,
    info: help ? () => helpElement(help) : undefined,
    apply: (view, completion, from, to) => writeKey(view, completion, name, schema, to),
  }))
}

function valueOptions(keys, context, inQuotes) {
  return valueProposals(keys, context)
    .filter(({ text }) => !inQuotes || (text.startsWith('"') && text !== '""'))
    .map(({ text, detail }, index) => ({
      label: text.startsWith('"') && text !== '""' ? JSON.parse(text) : text,
      displayLabel: text.length > 60 ? `${text.slice(0, 57)}...` : text,
      type: "constant",
      detail,
      boost: -Math.min(index, 90),
      apply: (view, completion, from, to) => writeValue(view, completion, text, to),
    }))
}

function writeKey(view, completion, name, schema, pos) {
  const read = reading(view.state)
  const context = contextAt(read.text, read.tokens, pos)
  if (!context) return
  const key = JSON.stringify(name)
  let insert = key
  let cursor = key.length
  let wantsValue = false
  if (context.next?.type !== ":") {
    const { text, cursor: inside } = valueSkeleton(schema)
    cursor += 2 + inside
    insert += `: ${text}`
    if (context.next && context.next.type !== "}" && context.next.type !== ",") insert += ","
    wantsValue = !text
  }
  view.dispatch({
    changes: { from: context.from, to: context.to, insert },
    selection: { anchor: context.from + cursor },
    userEvent: "input.complete",
    annotations: pickedCompletion.of(completion),
    scrollIntoView: true,
  })
  if (wantsValue) startCompletion(view)
}

function writeValue(view, completion, text, pos) {
  const read = reading(view.state)
  const context = contextAt(read.text, read.tokens, pos)
  if (!context) return
  const cursor = ['""', "[]", "{}"].includes(text) ? 1 : text.length
  view.dispatch({
    changes: { from: context.from, to: context.to, insert: text },
    selection: { anchor: context.from + cursor },
    userEvent: "input.complete",
    annotations: pickedCompletion.of(completion),
    scrollIntoView: true,
  })
}

// ---- help on hover ---------------------------------------------------------------------------------------------

function hoverHelp(view, pos) {
  const keys = view.state.field(knownKeys)
  if (!keys) return null
  const member = memberAt(reading(view.state).root, pos)
  if (!member || pos < member.key.from || pos > member.key.to) return null
  const help = describe(keys, member.path)
  if (!help) return null
  return { pos: member.key.from, end: member.key.to, above: true, create: () => ({ dom: helpElement(help) }) }
}

// ---- the whole -------------------------------------------------------------------------------------------------

/**
 * Makes the editor.
 *
 * `text` is what it begins with, `errors` what the server found wrong with it; `attributes` go to the editable element; `nonce` is for the style element, "" for
 * none. `onProblems(problems)` is called after each check, `onChange()` after each change of the text,
 * `onCursor()` when the cursor or the known keys changed, `onFormat()` for the key that formats.
 */
export function makeEditor({
  parent,
  text,
  errors,
  readOnly,
  attributes,
  nonce,
  onProblems,
  onChange,
  onCursor,
  onFormat,
}) {
  const check = (view) => {
    const problems = problemsOf(view.state)
    onProblems(problems)
    return problems.map((problem) => ({
      from: problem.from,
      to: problem.to,
      severity: problem.severity,
      message: located(problem).replace(/^l/, "L"),
      actions:
        problem.fix && !readOnly
          ? [{ name: problem.fix.label, apply: (editor, from) => applyFix(editor, problem, from) }]
          : [],
    }))
  }
  const extensions = [
    lintGutter(),
    lineNumbers(),
    foldGutter(),
    codeFolding(),
    highlightSpecialChars(),
    history(),
    drawSelection(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    highlightSelectionMatches(),
    bracketMatching(),
    EditorView.lineWrapping,
    indentUnit.of("  "),
    EditorState.tabSize.of(2),
    json(),
    syntaxHighlighting(classHighlighter),
    search({ top: true }),
    knownKeys,
    serverFound.init((state) => serverProblems(text, reading(state), errors)),
    linter(check, {
      delay: LINT_DELAY,
      needsRefresh: (update) =>
        update.transactions.some((transaction) => transaction.effects.some((effect) => effect.is(setKeys))),
    }),
    hoverTooltip(hoverHelp, { hideOnChange: true }),
    EditorView.contentAttributes.of(attributes),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) onChange()
      const told = update.transactions.some((transaction) => transaction.effects.some((effect) => effect.is(setKeys)))
      if (update.docChanged || update.selectionSet || told) onCursor()
    }),
    appearance,
    // Tab is left to the browser: it moves on to the next field, as everywhere else in the form.
    keymap.of([
      {
        key: "Shift-Alt-f",
        run: () => {
          onFormat()
          return true
        },
      },
      { key: "F8", run: nextDiagnostic },
      { key: "Shift-F8", run: previousDiagnostic },
      ...closeBracketsKeymap,
      ...completionKeymap,
      ...searchKeymap,
      ...historyKeymap,
      ...foldKeymap,
      ...defaultKeymap,
    ]),
  ]
  if (nonce) extensions.push(EditorView.cspNonce.of(nonce))
  if (readOnly) {
    extensions.push(EditorState.readOnly.of(true), EditorView.editable.of(false))
  } else {
    extensions.push(
      indentOnInput(),
      closeBrackets(),
      autocompletion({ override: [proposals], icons: false, activateOnTyping: true }),
    )
  }
  const view = new EditorView({ state: EditorState.create({ doc: text, extensions }), parent })
  forceLinting(view)
  return view
}

// Making elements without a template language. Texts go in as text nodes: nothing from a page or a server is markup.

/** An element with attributes (an undefined or false one is left out, true is an empty one) and children. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") node.addEventListener("click", value)
    else if (value === true) node.setAttribute(key, "")
    else if (value !== undefined && value !== false && value !== null) node.setAttribute(key, value)
  }
  node.append(...children.filter((child) => child !== null && child !== undefined))
  return node
}

/** The help of `describe` as an element, for the tooltip, the list of proposals and the line under the editor. */
export function helpElement(help, tag = "div") {
  const inline = tag === "p"
  const part = inline ? "span" : "div"
  return element(
    tag,
    { class: "ccx-je-about" },
    element(
      part,
      { class: "ccx-je-about-head" },
      element("code", {}, help.name),
      " ",
      element("span", { class: "ccx-je-about-type" }, help.type),
    ),
    help.meaning ? element(part, { class: "ccx-je-about-meaning" }, inline ? ` ${help.meaning}` : help.meaning) : null,
    ...help.facts.map((fact) => element(part, { class: "ccx-je-about-fact" }, inline ? ` ${fact}` : fact)),
  )
}

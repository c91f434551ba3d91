// The page on which a site's values are edited: nothing that was typed is lost by accident.
//
// A document that is too large is refused before it is sent, since the server would drop a form of that size unread. And
// the browser asks before a page is left whose text was neither saved nor sent.

"use strict"

document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form[data-max-bytes]")
  const field = form?.querySelector("textarea[name=text]")
  if (!field || field.readOnly) return

  // What the form would send: the editor fills the field with some delay, but always before it is asked for.
  const text = () => new FormData(form).get("text")
  // The editor has formatted the text by now, which is no change of the user's.
  const begun = text()
  let sending = false

  form.addEventListener("submit", (event) => {
    const most = Number(form.dataset.maxBytes)
    const size = new TextEncoder().encode(text().replace(/\r?\n/g, "\r\n")).length
    if (size <= most) {
      sending = true
      return
    }
    event.preventDefault()
    const list = document.createElement("ul")
    list.className = "errorlist"
    list.setAttribute("role", "alert")
    const item = document.createElement("li")
    item.textContent = form.dataset.tooLarge.replace("{size}", size.toLocaleString("en")).replace("{most}", most.toLocaleString("en"))
    list.append(item)
    const place = document.getElementById("ccx-text-errors")
    place.replaceChildren(list)
    place.scrollIntoView({ block: "center" })
  })

  window.addEventListener("beforeunload", (event) => {
    if (!sending && (form.dataset.unsaved !== undefined || text() !== begun)) event.preventDefault()
  })
  window.addEventListener("pageshow", () => { sending = false })
})

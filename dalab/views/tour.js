// A button, and a card that goes from stop to stop and outlines what it speaks of.
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

function outline(area) {
  for (const other of document.querySelectorAll("[data-toured]")) delete other.dataset.toured
  const found = area && document.querySelector(`.lab-${area}`)
  if (found) found.dataset.toured = ""
}

export function render({ model, el }) {
  let at = 0
  const count = element("span", { className: "count" })
  const title = element("h2"), text = element("p")
  const back = element("button", { textContent: "Back" })
  const next = element("button", { className: "next" })
  const close = element("button", { className: "close", textContent: "✕" })
  close.setAttribute("aria-label", "Close the tour")
  const said = element("div", {}, title, text)
  said.setAttribute("aria-live", "polite")
  const card = element("div", { className: "card", popover: "manual" }, close, said,
                       element("div", { className: "acts" }, count, back, next))
  card.setAttribute("role", "dialog")
  card.setAttribute("aria-label", "Tour")
  const handle = element("button", { className: "handle", textContent: "Tour" })
  handle.title = "a tour of the page, two minutes"

  const go = to => {
    if (to >= model.stops.length) return card.hidePopover()
    at = to
    const stop = model.stops[at]
    title.textContent = stop.title
    text.textContent = stop.text
    count.textContent = `${at + 1} of ${model.stops.length}`
    back.disabled = at === 0
    next.textContent = at + 1 < model.stops.length ? "Next" : "Done"
    model.page = stop.page
    outline(stop.area)
  }
  handle.addEventListener("click", () => {
    card.showPopover()
    go(0)
    next.focus()
  })
  back.addEventListener("click", () => go(at - 1))
  next.addEventListener("click", () => go(at + 1))
  close.addEventListener("click", () => card.hidePopover())
  card.addEventListener("keydown", event => { if (event.key === "Escape") card.hidePopover() })
  card.addEventListener("toggle", event => {
    if (event.newState === "open") return
    outline(null)
    handle.focus()
  })
  // a lab that has the address of its server to itself has the lessons beside it
  if (location.pathname.endsWith("/"))
    el.append(element("a", { className: "handle", href: "lessons", textContent: "Lessons" }))
  el.append(handle, card)
}

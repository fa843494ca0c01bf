// A button, and a card that goes from stop to stop and outlines the area it describes.
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

// Build the empty card and its parts
function build() {
  const parts = {
    count: element("span", { className: "count" }), title: element("h2"), text: element("p"),
    back: element("button", { textContent: "Back" }), next: element("button", { className: "next" }),
    close: element("button", { className: "close", textContent: "✕" }),
  }
  parts.close.setAttribute("aria-label", "Close the tour")
  const message = element("div", {}, parts.title, parts.text)
  message.setAttribute("aria-live", "polite")
  const acts = element("div", { className: "acts" }, parts.count, parts.back, parts.next)
  parts.card = element("div", { className: "card", popover: "manual" }, parts.close, message, acts)
  parts.card.setAttribute("role", "dialog")
  parts.card.setAttribute("aria-label", "Tour")
  return parts
}

export function render({ model, el }) {
  let at = 0
  const { card, title, text, count, back, next, close } = build()
  const handle = element("button", { className: "handle", textContent: "Tour" })
  handle.title = "a two-minute tour of the page"

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
  // other pages are served beside the lab only if it is at the root of its server
  if (location.pathname.endsWith("/"))
    for (const [href, textContent] of [["lessons", "Lessons"], ["gallery", "Gallery"]])
      el.append(element("a", { className: "handle", href, textContent }))
  el.append(handle, card)
}

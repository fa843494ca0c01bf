// Tabs, a switch for the theme, and the space that the window leaves to the main area.
const THEME = "dalab-theme"

function tabs(model) {
  const list = document.createElement("div")
  list.className = "tabs"
  if (!model.names.length) return list
  list.setAttribute("role", "tablist")
  list.setAttribute("aria-label", "Pages")
  const made = model.names.map(name => {
    const tab = document.createElement("button")
    tab.textContent = name
    tab.setAttribute("role", "tab")
    tab.addEventListener("click", () => { model.page = name })
    return tab
  })
  list.append(...made)
  list.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!step) return
    const next = (model.names.indexOf(model.page) + step + made.length) % made.length
    model.page = model.names[next]
    made[next].focus()
  })
  const mark = () => made.forEach((tab, index) => {
    const chosen = model.names[index] === model.page
    tab.setAttribute("aria-selected", chosen)
    tab.tabIndex = chosen ? 0 : -1  // the arrow keys move between tabs
  })
  model.on("page", mark)
  mark()
  return list
}

// Bokeh reads the colours of its figures from CSS when it paints, but is not told of changes
function repaint() {
  for (const page of window.Bokeh.documents)
    for (const model of page._all_models.values())
      if (["Figure", "Plot"].includes(model.type)) model.change.emit()
}

function theme() {
  const button = document.createElement("button")
  button.className = "theme"
  const root = document.documentElement
  const name = () => {
    button.textContent = root.dataset.theme === "dark" ? "☀ Light" : "☾ Dark"
    button.setAttribute("aria-label",
      root.dataset.theme === "dark" ? "Light theme" : "Dark theme")
  }
  button.addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark"
    localStorage.setItem(THEME, root.dataset.theme)
    name()
    repaint()
  })
  name()
  return button
}

function measure(model) {
  const main = document.querySelector(".lab-main")
  if (!main) return () => {}
  let waiting = null
  const report = () => {
    const size = [Math.floor(main.clientWidth), Math.floor(main.clientHeight)]
    if (size.join() !== model.available_size.join()) model.available_size = size
  }
  const observer = new ResizeObserver(() => {
    clearTimeout(waiting)
    waiting = setTimeout(report, 120)
  })
  observer.observe(main)
  return () => observer.disconnect()
}

function* deep(root) {
  for (const node of root.querySelectorAll("*")) {
    yield node
    if (node.shadowRoot) yield* deep(node.shadowRoot)
  }
}

// Keep aria-pressed of grouped buttons in step with the pressed one
function press(group) {
  const update = () => {
    for (const button of group.querySelectorAll(".bk-btn")) {
      button.setAttribute("aria-pressed", button.classList.contains("bk-active"))
    }
  }
  group.dataset.pressing = ""
  new MutationObserver(update).observe(group, { attributeFilter: ["class"], subtree: true })
  update()
}

// Name slider handles, which Bokeh leaves unnamed, and skip figures in the tab order
function name() {
  for (const node of deep(document)) {
    if (node.matches(".bk-btn-group:not([data-pressing]):has(.bk-btn + .bk-btn)")) press(node)
    if (node.classList.contains("bk-events")) node.tabIndex = -1
    if (!node.classList.contains("noUi-handle")) continue
    const title = node.getRootNode().querySelector(".bk-slider-title")
    if (title) node.setAttribute("aria-label", title.innerText.split(":")[0])
  }
}

export function render({ model, el }) {
  el.append(tabs(model), theme())
  const forget = measure(model)
  const later = () => [2, 6].forEach(seconds => setTimeout(name, 1000 * seconds))
  const before = event => { if (event.key === "Tab") name() }
  later()
  model.on("page", later)
  document.addEventListener("keydown", before, true)
  model.on("remove", () => {
    forget()
    document.removeEventListener("keydown", before, true)
  })
}

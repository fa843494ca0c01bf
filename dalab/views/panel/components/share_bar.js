// Menus to copy and to download, a button to open a file, and a drop zone on the whole page.
const WAIT = 250  // milliseconds: browsers limit the rate of changes to the address

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

function menu(title, items) {
  const list = element("div", { className: "menu", popover: "auto", role: "menu" }, ...items)
  const handle = element("button", { className: "handle", textContent: `${title} ▾` })
  handle.setAttribute("aria-haspopup", "menu")
  handle.setAttribute("aria-expanded", "false")
  handle.popoverTargetElement = list
  list.addEventListener("toggle", event => {
    const open = event.newState === "open"
    handle.setAttribute("aria-expanded", open)
    if (!open) return
    const box = handle.getBoundingClientRect()
    list.style.top = `${box.bottom + 4}px`
    list.style.right = `${document.documentElement.clientWidth - box.right}px`
    items[0].focus()
  })
  list.addEventListener("keydown", event => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (!step) return
    event.preventDefault()
    const at = items.indexOf(event.target)
    items[(at + step + items.length) % items.length].focus()
  })
  return { handle, list }
}

function item(title, about, act) {
  const button = element("button", {}, element("b", { textContent: title }),
                         element("span", { textContent: about }))
  button.setAttribute("role", "menuitem")
  button.setAttribute("aria-label", title)
  button.addEventListener("click", () => {
    button.closest(".menu").hidePopover()
    act()
  })
  return button
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text)
  } catch {  // only secure pages have a clipboard
    const area = element("textarea", { value: text, className: "lab-copied" })
    document.body.append(area)
    area.select()
    document.execCommand("copy")
    area.remove()
  }
}

function follow(model) {
  let waiting = null
  model.on("query", () => {
    clearTimeout(waiting)
    waiting = setTimeout(() => {
      const name = part => decodeURIComponent(part.split("=")[0])
      const parts = location.search.slice(1).split("&").filter(p => model.foreign.includes(name(p)))
      if (model.query) parts.push(model.query)
      const search = parts.length ? `?${parts.join("&")}` : ""
      history.replaceState(history.state, "", location.pathname + search + location.hash)
    }, WAIT)
  })
}

function receiver(model, showMessage) {
  let pieces = []
  return message => {
    pieces.push(Uint8Array.from(atob(message.data), c => c.charCodeAt(0)))
    model.send_msg({ do: "more" })
    if (!message.last) return
    const url = URL.createObjectURL(new Blob(pieces, { type: message.kind }))
    pieces = []
    element("a", { href: url, download: message.name }).click()
    setTimeout(() => URL.revokeObjectURL(url), 60000)
    showMessage(`Downloaded ${message.name}`)
  }
}

function sender(model, showMessage) {
  let file = null, at = 0
  const encoded = piece => new Promise(resolve => {
    const reader = new FileReader()
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1))
    reader.readAsDataURL(piece)
  })
  return {
    open(chosen) {
      [file, at] = [chosen, 0]
      showMessage(`Reading ${file.name} …`)
      model.send_msg({ do: "open", name: file.name, size: file.size })
    },
    async next() {
      const piece = file.slice(at, at + model.piece)
      at += piece.size
      model.send_msg({ do: "piece", data: await encoded(piece) })
      if (at < file.size) showMessage(`Reading ${file.name} … ${Math.round(100 * at / file.size)} %`)
    },
  }
}

function dropping(open, fetch) {
  const veil = element("div", { className: "veil" }, element("p", {
    textContent: "Drop a stored run to show it, or a NetCDF file to use as the truth",
  }))
  const carries = event => event.dataTransfer?.types.includes("Files")
  const listeners = {
    dragover(event) {
      if (!carries(event)) return
      event.preventDefault()
      veil.classList.add("shown")
    },
    dragleave(event) {
      if (event.relatedTarget === null) veil.classList.remove("shown")
    },
    drop(event) {
      veil.classList.remove("shown")
      if (!carries(event)) return
      event.preventDefault()
      open(event.dataTransfer.files[0])
    },
    "dalab-download": event => fetch(event.detail),
  }
  for (const [name, act] of Object.entries(listeners)) document.addEventListener(name, act)
  const leave = () => {
    for (const [name, act] of Object.entries(listeners)) document.removeEventListener(name, act)
  }
  return { veil, leave }
}

function speaker() {
  const output = element("output", { className: "message" })
  let fading = null
  const showMessage = text => {
    output.textContent = text
    clearTimeout(fading)
    fading = setTimeout(() => { output.textContent = "" }, 8000)
  }
  return { output, showMessage }
}

function sharing(model, showMessage) {
  const copied = (what, text) => () => copy(text()).then(() => showMessage(`Copied the ${what}`))
  const address = () =>
    location.origin + location.pathname + (model.query ? `?${model.query}` : "")
  return menu("Share", [
    item("Copy link", "opens this configuration", copied("link", address)),
    item("Copy as Python", "a script that reproduces this run",
         copied("script", () => model.python)),
    item("Copy as command", "the same for a terminal", copied("command", () => model.command)),
  ])
}

function downloading(model, make) {
  const made = menu("Download", model.formats.map(form =>
    item(form.title, form.about, () => make(form.title, { what: form.key }))))
  const allow = () => {
    made.handle.disabled = !model.ready
    made.handle.title = model.ready ? "" : "available after a run"
  }
  model.on("ready", allow)
  allow()
  return made
}

function opening(open) {
  const input = element("input", { type: "file", accept: ".nc,.nc4,.cdf,.netcdf,.h5", hidden: true })
  const handle = element("button", {
    className: "handle", textContent: "Open …", title: "a stored run, or a NetCDF file to use as the truth",
  })
  handle.addEventListener("click", () => input.click())
  input.addEventListener("change", () => {
    if (input.files.length) open(input.files[0])
    input.value = ""
  })
  return [handle, input]
}

export function render({ model, el }) {
  const { output, showMessage } = speaker()
  const make = (title, wish) => {
    showMessage(`Making the ${title} …`)
    model.send_msg({ do: "make", ...wish })
  }
  const files = sender(model, showMessage)
  const share = sharing(model, showMessage)
  const download = downloading(model, make)
  const { veil, leave } = dropping(
    file => files.open(file), number => make("NetCDF", { what: "netcdf", number }))
  el.append(output, share.handle, share.list, download.handle, download.list,
            ...opening(file => files.open(file)), veil)

  const acts = {
    file: receiver(model, showMessage), next: () => files.next(), message: message => showMessage(message.text),
  }
  model.on("msg:custom", message => acts[message.do](message))
  follow(model)
  model.on("remove", leave)
}

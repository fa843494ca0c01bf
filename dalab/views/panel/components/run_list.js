// List of the runs of a session, with actions to show, compare, download and delete them.
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

function drawn(legend_glyph) {
  return element("span", { innerHTML: legend_glyph })
}

function empty() {
  return element(
    "section", { className: "empty" },
    element("h2", { textContent: "Runs of this browser" }),
    element("p", { textContent: "Finished runs are listed here, also after a reload: show one again, " +
      "compare two, download or delete them. Drop a stored run anywhere on the page to add it." }),
  )
}

function heads(...titles) {
  return element("tr", {}, ...titles.map(title => {
    const [text, span] = [].concat(title)
    return element("th", { textContent: text, scope: "col", colSpan: span ?? 1 })
  }))
}

function action(text, run, act, disabled = false) {
  const button = element("button", { textContent: text, disabled })
  button.setAttribute("aria-label", `${text} ${run.title}`)
  button.addEventListener("click", act)
  return button
}

function listing(rows, ticked, send, changed) {
  const line = run => {
    const tick = element("input", { type: "checkbox", checked: ticked.includes(run.number) })
    tick.setAttribute("aria-label", `Compare ${run.title}`)
    tick.addEventListener("change", () => {
      if (tick.checked) ticked.push(run.number)
      else ticked.splice(ticked.indexOf(run.number), 1)
      if (ticked.length > 2) ticked.shift()
      changed()
    })
    const chips = run.methods.map(method => element(
      "span", { className: "chip" }, drawn(method.legend_glyph), `${method.name} `,
      element("b", { textContent: method.rmse })))
    const wanted = () => document.dispatchEvent(
      new CustomEvent("dalab-download", { detail: run.number }))
    return element("tr", { className: run.shown ? "shown" : "" },
      element("td", {}, tick),
      element("td", { className: "title" }, element("b", { textContent: run.title }),
              element("small", { textContent: run.shown ? "shown" : "" })),
      element("td", { className: "wide" }, ...chips),
      element("td", { className: "about", textContent: run.about }),
      element("td", { className: "time" }, run.when,
              element("small", { textContent: run.stopped ? `stopped, ${run.took}` : run.took })),
      element("td", { className: "acts" },
              action("Show", run, () => send("show", [run.number]), run.shown),
              action("Download", run, wanted),
              action("Delete", run, () => send("delete", [run.number]), run.shown)))
  }
  const table = element("table", { className: "runs" })
  table.createTHead().append(
    heads("Compare", "Run", "RMSE of the mean", "Differs from the default in", "Ended", ""))
  table.createTBody().append(...rows.map(line))
  return table
}

function comparing(model) {
  const { titles, differs, rows } = model.comparison
  const settings = element("table", { className: "differs" })
  settings.createTHead().append(heads("Setting", ...titles))
  settings.createTBody().append(...differs.map(field => element(
    "tr", {}, element("td", { textContent: field.name }),
    ...field.values.map(text => element("td", { textContent: text })))))
  const scores = element("table", { className: "compared" })
  scores.createTHead().append(heads("", ...model.titles.map(title => [title, 2])),
                              heads("Method", ...model.titles.flatMap(() => titles)))
  scores.createTBody().append(...rows.map(row => element(
    "tr", {}, element("td", {}, drawn(row.legend_glyph), row.name),
    ...row.cells.map(cell => element("td", {
      textContent: cell.text, className: cell.best ? "best" : "",
    })))))
  const same = element("p", { textContent: "The settings are the same." })
  return [element("h2", { textContent: `${titles[0]} and ${titles[1]}` }),
          differs.length ? settings : same, scores]
}

export function render({ model, el }) {
  const ticked = []
  const list = element("div", { className: "list" })
  const below = element("div", { className: "comparison" })
  el.append(list, below)
  const send = (wish, numbers) => model.send_msg({ do: wish, numbers })

  function draw() {
    const rows = model.rows
    if (!rows.length) return list.replaceChildren(empty())
    const hint = element("p", { textContent: "Tick two runs to compare them." })
    list.replaceChildren(listing(rows, ticked, send, changed), ...(ticked.length < 2 ? [hint] : []))
  }

  function changed() {
    const known = model.rows.map(run => run.number)
    ticked.splice(0, ticked.length, ...ticked.filter(number => known.includes(number)))
    draw()
    send("compare", ticked)
  }

  function beside() {
    below.replaceChildren(...(model.comparison.rows ? comparing(model) : []))
  }

  model.on("rows", changed)
  model.on("comparison", beside)
  draw()
  beside()
}

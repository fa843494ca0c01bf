// A table of model.rows under model.columns; a click on a title sorts, a second one reverses.
export function render({ model, el }) {
  let by = null, direction = 1
  const table = document.createElement("table")
  table.className = "scores"
  const head = table.createTHead().insertRow()
  const body = table.createTBody()
  el.append(table)

  function title(column, index) {
    const cell = document.createElement("th")
    const button = document.createElement("button")
    button.textContent = column.title
    button.title = column.meaning
    button.addEventListener("click", () => {
      direction = by === index ? -direction : 1
      by = index
      draw()
    })
    cell.scope = "col"
    cell.style.width = `${column.width}px`
    cell.append(button)
    return cell
  }

  function drawTitles() {
    by = null
    head.replaceChildren(...model.columns.map(title))
  }

  function key(row) {
    return by === 0 ? row.name : row.values[by - 1]
  }

  function compare(a, b) {
    const [x, y] = [key(a), key(b)]
    if (x === y) return 0
    if (x === null || y === null) return x === null ? 1 : -1  // unknown values last
    return x < y ? -direction : direction
  }

  function draw() {
    const rows = by === null ? model.rows : [...model.rows].sort(compare)
    body.replaceChildren(...rows.map(line))
    Array.from(head.cells).forEach((cell, index) => {
      cell.ariaSort = index !== by ? "none" : direction > 0 ? "ascending" : "descending"
    })
  }

  function line(row) {
    const tr = document.createElement("tr")
    const name = tr.insertCell()
    name.innerHTML = row.legend_glyph
    name.append(row.name)
    row.texts.forEach(text => { tr.insertCell().textContent = text })
    return tr
  }

  const dim = () => { table.classList.toggle("dimmed", model.dimmed) }
  model.on("dimmed", dim)
  model.on("rows", draw)
  model.on("columns", () => { drawTitles(); draw() })
  drawTitles()
  draw()
  dim()
}

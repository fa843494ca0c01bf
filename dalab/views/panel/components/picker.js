// Checkboxes in groups that fold. A folded group still shows its selected entries.
function make(tag, className, ...children) {
  const element = document.createElement(tag)
  if (className) element.className = className
  element.append(...children)
  return element
}

function named(entry) {
  const element = make("span", "named")
  element.innerHTML = entry.legend_glyph || ""
  element.append(entry.name)
  return element
}

export function render({ model, el }) {
  const boxes = new Map()
  const groups = model.groups.map(group => {
    const ticks = make("div", "ticks")
    for (const entry of group.entries) {
      const box = make("input")
      box.type = "checkbox"
      box.addEventListener("change", () => {
        model.value = [...boxes].filter(([, other]) => other.checked).map(([name]) => name)
      })
      boxes.set(entry.name, box)
      ticks.append(make("label", "", box, named(entry)))
    }
    if (!group.title) return { group, part: ticks }
    const chips = make("span", "chips")
    const part = make("details", "", make("summary", "", make("b", "", group.title), chips), ticks)
    return { group, part, chips }
  })
  const list = make("div", "picker", ...groups.map(({ part }) => part))
  list.setAttribute("role", "group")
  list.setAttribute("aria-label", model.label)
  el.append(list)

  function show() {
    for (const { group, chips } of groups) {
      for (const entry of group.entries) {
        const box = boxes.get(entry.name), why = model.unavailable[entry.name]
        box.checked = model.value.includes(entry.name)
        box.disabled = Boolean(why) && !box.checked
        box.parentElement.title = why || entry.meaning
        box.parentElement.className = box.disabled ? "unavailable" : ""
      }
      const ticked = group.entries.filter(entry => model.value.includes(entry.name))
      if (chips) chips.replaceChildren(...ticked.map(named))
    }
  }

  model.on(["value", "unavailable"], show)
  show()
}

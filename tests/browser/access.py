"""What assistive technology and weak eyes make of a page, asked of the page itself."""

DEEP = """function* deep(root) {
  for (const node of root.querySelectorAll('*')) {
    yield node
    if (node.shadowRoot) yield* deep(node.shadowRoot)
  }
}
function called(node) {
  const by = node.getAttribute('aria-labelledby')
  const other = by && node.getRootNode().getElementById(by)
  const words = [node.getAttribute('aria-label'), other && other.innerText,
    ...Array.from(node.labels || [], label => label.innerText), node.innerText, node.title,
    node.placeholder]
  return (words.find(text => text && text.trim()) || '').trim()
}
function seen(node) {
  return node.checkVisibility({ visibilityProperty: true }) && node.getClientRects().length > 0
}"""

UNNAMED = f"""() => {{ {DEEP}
  const kinds = 'input, select, textarea, button, summary, a[href], [role=slider], [role=tab]'
  return [...deep(document)].filter(node => node.matches(kinds) && seen(node) && !called(node)
    && node.type !== 'hidden').map(node => node.outerHTML.slice(0, 160))
}}"""

FOCUSED = f"""() => {{ {DEEP}
  let node = document.activeElement
  while (node.shadowRoot && node.shadowRoot.activeElement) node = node.shadowRoot.activeElement
  const style = getComputedStyle(node)
  return {{ name: called(node), tag: node.tagName, body: node === document.body,
    marked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 }}
}}"""

FAINT = f"""() => {{ {DEEP}
  const parse = text => text.match(/[\\d.]+/g).map(Number)
  const light = rgb => rgb.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  const up = node => node.assignedSlot || node.parentElement || node.getRootNode().host
  const ground = node => {{
    for (; node; node = up(node)) {{
      const found = parse(getComputedStyle(node).backgroundColor)
      if (found.length < 4 || found[3] === 1) return found
    }}
    return [255, 255, 255]
  }}
  const own = node => [...node.childNodes].some(n => n.nodeType === 3 && n.data.trim())
  return [...deep(document.body)].filter(node => own(node) && seen(node)
    && !["STYLE", "SCRIPT", "OPTION"].includes(node.tagName)
    && !node.closest(":disabled, .bk-disabled")).flatMap(node => {{
      const pair = [light(parse(getComputedStyle(node).color)), light(ground(node))]
      const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05)
      return ratio < 4.5 ? [`${{node.innerText.slice(0, 60)}} ${{ratio.toFixed(2)}}`] : []
    }})
}}"""
"""Texts whose contrast with their ground is below 4.5, and that contrast."""

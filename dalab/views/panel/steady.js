// At every paint Bokeh writes the style sheets of all parts of a figure again, mostly as they were,
// and after each of them the browser computes the styles of the whole page anew.
const text = Object.getOwnPropertyDescriptor(Node.prototype, "textContent")
Object.defineProperty(HTMLStyleElement.prototype, "textContent", {
  ...text,
  set(css) { if (css !== text.get.call(this)) text.set.call(this, css) },
})

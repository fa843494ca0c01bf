// Bokeh rewrites the style sheets of all parts of a figure at every paint, mostly unchanged, and each
// write makes the browser recompute the styles of the whole page. Ignore unchanged text.
const text = Object.getOwnPropertyDescriptor(Node.prototype, "textContent")
Object.defineProperty(HTMLStyleElement.prototype, "textContent", {
  ...text,
  set(css) { if (css !== text.get.call(this)) text.set.call(this, css) },
})

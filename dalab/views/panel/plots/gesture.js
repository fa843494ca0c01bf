// Draw a drag or click on the map at once and send it to the server when it ends, with the selected
// tool and effect: the server may learn of a selection later than of the stroke.
const {x, y, event_name} = cb_obj
const begins = event_name == "panstart" || event_name == "tap"
const path = begins ? [[x, y]] : [...plot.path, [x, y]]
plot.path = path

const outline = ([tool]) => {
  const [first, last] = [path[0], path[path.length - 1]]
  if (tool == "box") return [first, [last[0], first[1]], last, [first[0], last[1]]]
  return tool == "track" ? [first, last] : path
}
const columns = (points) => ({x: points.map((p) => p[0]), y: points.map((p) => p[1])})
const draw = (points) => {
  preview.setv({data: columns(points)}, {sync: false})
}

if (event_name == "panend" || event_name == "tap") {
  gesture.setv({tags: preview.tags, data: columns(path)})
  setTimeout(() => { if (plot.path === path) draw([]) }, 400)
} else {
  draw(outline(preview.tags))
}

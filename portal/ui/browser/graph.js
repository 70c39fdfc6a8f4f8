// A run's graph: layers go on in a new band where the page is too narrow; nodes are buttons, reached by Tab and pressed
// by Enter or Space; states change without redrawing the rest.
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 156, HEIGHT = 46, GAP_X = 34, GAP_Y = 14, MARGIN = 4, BAND_GAP = 22;

function made(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function placed(nodes, room) {
  const across = Math.max(1, Math.floor((room - 2 * MARGIN + GAP_X) / (WIDTH + GAP_X)));
  const counts = new Map(), places = new Map(), heights = [];
  for (const { id, layer } of nodes) {
    const row = counts.get(layer) || 0, band = Math.floor(layer / across);
    counts.set(layer, row + 1);
    places.set(id, [layer, row]);
    heights[band] = Math.max(heights[band] || 1, row + 1);
  }
  const tops = [MARGIN];
  heights.forEach((count, band) => tops.push(tops[band] + count * (HEIGHT + GAP_Y) + BAND_GAP));
  for (const [id, [layer, row]] of places)
    places.set(id, [MARGIN + (layer % across) * (WIDTH + GAP_X), tops[Math.floor(layer / across)] + row * (HEIGHT + GAP_Y)]);
  const columns = Math.min(across, 1 + Math.max(0, ...nodes.map((node) => node.layer)));
  return { places, width: 2 * MARGIN + columns * (WIDTH + GAP_X) - GAP_X, height: tops[heights.length] - BAND_GAP - GAP_Y + MARGIN };
}

function curve(start, end) {
  if (end[0] > start[0]) {
    const [x1, y1, x2, y2] = [start[0] + WIDTH, start[1] + HEIGHT / 2, end[0], end[1] + HEIGHT / 2], middle = (x1 + x2) / 2;
    return `M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
  }
  const [x1, y1, x2, y2] = [start[0] + WIDTH / 2, start[1] + HEIGHT, end[0] + WIDTH / 2, end[1]], middle = (y1 + y2) / 2;
  return `M${x1} ${y1} C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}`;
}

function drawn(data, room, choose) {
  const { places, width, height } = placed(data.nodes, room);
  const svg = made("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": data.alt });
  for (const [start, end] of data.edges) svg.append(made("path", { class: "edge", d: curve(places.get(start), places.get(end)) }));
  for (const node of data.nodes) {
    const group = made("g", { role: "button", tabindex: "0", "data-id": node.id, transform: `translate(${places.get(node.id).join(" ")})` });
    group.append(made("title", {}), made("rect", { width: WIDTH, height: HEIGHT, rx: 8 }));
    group.append(made("text", { class: "sign", x: 12, y: 20 }), made("text", { class: "name", x: 30, y: 20 }, node.label));
    group.append(made("text", { class: "more", x: 30, y: 36 }));
    group.onclick = () => choose(node.id);
    group.onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose(node.id);
    };
    svg.append(group);
  }
  return svg;
}

function shade(svg, data) {
  for (const node of data.nodes) {
    const group = svg.querySelector(`[data-id="${CSS.escape(node.id)}"]`);
    group.setAttribute("class", node.tone + (node.id === data.chosen ? " chosen" : ""));
    group.setAttribute("aria-pressed", String(node.id === data.chosen));
    group.setAttribute("aria-label", `${node.name}: ${node.state}`);
    group.querySelector("title").textContent = [node.name, node.state, node.message].filter(Boolean).join("\n");
    group.querySelector(".sign").textContent = node.sign;
    group.querySelector(".more").textContent = node.more;
  }
}

function update(holder) {
  const { data, choose } = holder.atrium, room = holder.clientWidth;
  const across = Math.floor(room / (WIDTH + GAP_X));
  const shape = JSON.stringify([across, data.edges, data.nodes.map((node) => [node.id, node.layer])]);
  if (holder.dataset.shape !== shape) {
    const focused = holder.getRootNode().activeElement?.dataset?.id;
    holder.dataset.shape = shape;
    holder.replaceChildren(drawn(data, room, choose));
    if (focused) holder.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
  }
  shade(holder.firstChild, data);
}

export default function ({ data, parentElement, setTriggerValue }) {
  let holder = parentElement.querySelector("div.graph");
  if (!holder) {
    holder = document.createElement("div");
    holder.className = "graph";
    parentElement.append(holder);
    new ResizeObserver(() => update(holder)).observe(holder);
  }
  holder.atrium = { data, choose: (id) => setTriggerValue("chosen", id) };
  update(holder);
}

// A run's graph, never wrapped: from left to right, or from top to bottom where the page is narrow, so that what is parallel
// stands beside each other. What does not fit scrolls in its box. Nodes are buttons, reached by Tab and pressed by Enter or
// Space; states change without redrawing the rest.
const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 46, WIDEST = 164, NARROWEST = 126, NARROWEST_DOWN = 112, MARGIN = 4, ROW_GAP = 14, NARROW_PAGE = 560;
const SHORTEST_GAP = 24, LONGEST_GAP = 40, DOWN_GAP = 30, LANE = 14, ROUNDS = 6, LETTERS_LEFT = 30, LETTERS_RIGHT = 8;

function made(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// The layers' rows; an edge that passes a layer by has a lane of its own there, so that it runs behind no node.
function layered(data) {
  const cells = new Map(data.nodes.map((node) => [node.id, { id: node.id, layer: node.layer, before: [], after: [] }]));
  const layers = [], ways = [];
  const put = (cell) => (layers[cell.layer] ??= []).push(cell);
  for (const cell of cells.values()) put(cell);
  for (const [start, end] of data.edges) {
    const way = [cells.get(start)], last = cells.get(end);
    while (way.at(-1).layer + 1 < last.layer) {
      way.push({ lane: true, layer: way.at(-1).layer + 1, before: [], after: [] });
      put(way.at(-1));
    }
    way.push(last);
    ways.push(way);
    for (let at = 1; at < way.length; at++) {
      way[at - 1].after.push(way[at]);
      way[at].before.push(way[at - 1]);
    }
  }
  const number = (layer) => layer.forEach((cell, place) => (cell.row = place - (layer.length - 1) / 2));
  layers.forEach(number);
  for (let round = 0; round < ROUNDS; round++) {
    const side = round % 2 ? "after" : "before";
    for (const layer of round % 2 ? [...layers].reverse() : layers) {
      for (const cell of layer) {
        const beside = cell[side].length ? cell[side] : [cell];
        cell.pull = beside.reduce((sum, other) => sum + other.row, 0) / beside.length;
      }
      layer.sort((one, other) => one.pull - other.pull || one.row - other.row);
      number(layer);
    }
  }
  return { cells, layers, ways };
}

// Sizes and places: `along` is the direction of the run, `across` that of what is parallel.
function placed(data, room) {
  const { cells, layers, ways } = layered(data), down = room < NARROW_PAGE, free = room - 2 * MARGIN;
  const most = Math.max(1, ...layers.map((layer) => layer.filter((cell) => !cell.lane).length));
  const lanes = Math.max(0, ...layers.map((layer) => layer.filter((cell) => cell.lane).length));
  const fits = down ? (free - lanes * LANE - (most - 1) * ROW_GAP) / most : free / layers.length - SHORTEST_GAP;
  const width = Math.max(down ? NARROWEST_DOWN : NARROWEST, Math.min(WIDEST, Math.floor(fits)));
  const gap = Math.max(SHORTEST_GAP, Math.min(LONGEST_GAP, (free - layers.length * width) / Math.max(1, layers.length - 1)));
  const size = (cell) => (cell.lane ? LANE : down ? width : HEIGHT);
  const span = (layer) => layer.reduce((sum, cell) => sum + size(cell) + ROW_GAP, -ROW_GAP);
  const breadth = Math.max(...layers.map(span), down ? free : 0);
  layers.forEach((layer, depth) => {
    let across = MARGIN + (breadth - span(layer)) / 2;
    const along = MARGIN + depth * (down ? HEIGHT + DOWN_GAP : width + gap);
    for (const cell of layer) {
      Object.assign(cell, down ? { x: across, y: along } : { x: along, y: across });
      cell.middle = across + size(cell) / 2;
      across += size(cell) + ROW_GAP;
    }
  });
  const long = layers.length * (down ? HEIGHT + DOWN_GAP : width + gap) - (down ? DOWN_GAP : gap) + 2 * MARGIN;
  return { cells, ways, down, width, along: down ? HEIGHT : width, size: down ? [breadth + 2 * MARGIN, long] : [long, breadth + 2 * MARGIN] };
}

function path(way, { down, along }) {
  const point = (main, cross) => (down ? `${cross} ${main}` : `${main} ${cross}`);
  const begin = (cell) => (down ? cell.y : cell.x), end = (cell) => begin(cell) + along;
  let line = `M${point(end(way[0]), way[0].middle)}`;
  for (let at = 1; at < way.length; at++) {
    const from = end(way[at - 1]), to = begin(way[at]), half = (from + to) / 2;
    line += ` C${point(half, way[at - 1].middle)} ${point(half, way[at].middle)} ${point(to, way[at].middle)}`;
    if (way[at].lane) line += ` L${point(end(way[at]), way[at].middle)}`;
  }
  return line;
}

function fitted(text, room) {
  const full = text.textContent;
  for (let length = full.length - 1; length > 1 && text.getComputedTextLength() > room; length--)
    text.textContent = full.slice(0, length).trimEnd() + "…";
}

function drawn(data, room, choose) {
  const plan = placed(data, room), [width, height] = plan.size;
  const svg = made("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": data.alt });
  for (const way of plan.ways) svg.append(made("path", { class: "edge", d: path(way, plan) }));
  for (const node of data.nodes) {
    const { x, y } = plan.cells.get(node.id);
    const group = made("g", { "data-id": node.id, transform: `translate(${x} ${y})`, role: node.opens ? "button" : "img" });
    group.append(made("title", {}), made("rect", { width: plan.width, height: HEIGHT, rx: 8 }));
    group.append(made("text", { class: "sign", x: 12, y: 20 }), made("text", { class: "name", x: LETTERS_LEFT, y: 20 }, node.name));
    group.append(made("text", { class: "more", x: LETTERS_LEFT, y: 36 }));
    svg.append(group);
    if (!node.opens) continue;
    group.setAttribute("tabindex", "0");
    group.onclick = () => choose(node.id);
    group.onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose(node.id);
    };
  }
  svg.dataset.letters = plan.width - LETTERS_LEFT - LETTERS_RIGHT;
  return svg;
}

function shade(svg, data) {
  for (const node of data.nodes) {
    const group = svg.querySelector(`[data-id="${CSS.escape(node.id)}"]`), chosen = node.id === data.chosen;
    group.setAttribute("class", node.tone + (chosen ? " chosen" : "") + (node.opens ? " opens" : ""));
    if (node.opens) group.setAttribute("aria-pressed", String(chosen));
    group.setAttribute("aria-label", `${node.name}: ${node.state}`);
    group.querySelector("title").textContent = [node.name, node.state, node.message].filter(Boolean).join("\n");
    group.querySelector(".sign").textContent = node.sign;
    const more = group.querySelector(".more");
    if (more.dataset.full === node.more) continue;
    more.dataset.full = more.textContent = node.more;
    fitted(more, svg.dataset.letters);
  }
}

// The chosen node is brought into view, within the box alone, when it is another than before.
function show(holder, chosen) {
  if (holder.dataset.shown === chosen) return;
  if (!holder.dataset.shown) holder.scrollLeft = holder.clientWidth < NARROW_PAGE ? (holder.scrollWidth - holder.clientWidth) / 2 : 0;
  holder.dataset.shown = chosen;
  const node = holder.querySelector(`[data-id="${CSS.escape(chosen)}"]`);
  if (!node) return;
  const box = holder.getBoundingClientRect(), place = node.getBoundingClientRect();
  if (place.left < box.left || place.right > box.right) holder.scrollLeft += place.left - box.left - (box.width - place.width) / 2;
  if (place.top < box.top || place.bottom > box.bottom) holder.scrollTop += place.top - box.top - (box.height - place.height) / 2;
}

// Where there is more beyond an edge of the box, what is drawn fades towards it.
function fade(holder) {
  const far = (at, whole, room) => [at > 2, at + room < whole - 2];
  const [left, right] = far(holder.scrollLeft, holder.scrollWidth, holder.clientWidth);
  const [above, below] = far(holder.scrollTop, holder.scrollHeight, holder.clientHeight);
  for (const [name, more] of Object.entries({ left, right, above, below })) holder.classList.toggle(name, more);
}

function update(holder) {
  const { data, choose } = holder.atrium, room = holder.clientWidth;
  if (!room) return;
  const shape = JSON.stringify([room, data.edges, data.nodes.map((node) => [node.id, node.name, node.layer, node.opens])]);
  if (holder.dataset.shape !== shape) {
    const focused = holder.getRootNode().activeElement?.dataset?.id, { scrollLeft, scrollTop } = holder;
    holder.dataset.shape = shape;
    holder.replaceChildren(drawn(data, room, choose));
    for (const name of holder.querySelectorAll(".name")) fitted(name, holder.firstChild.dataset.letters);
    Object.assign(holder, { scrollLeft, scrollTop });
    if (focused) holder.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
  }
  shade(holder.firstChild, data);
  show(holder, data.chosen);
  fade(holder);
}

export default function ({ data, parentElement, setTriggerValue }) {
  let holder = parentElement.querySelector("div.graph");
  if (!holder) {
    holder = document.createElement("div");
    holder.className = "graph";
    parentElement.append(holder);
    new ResizeObserver(() => update(holder)).observe(holder);
    holder.addEventListener("scroll", () => fade(holder), { passive: true });
  }
  holder.atrium = { data, choose: (id) => setTriggerValue("chosen", id) };
  update(holder);
}

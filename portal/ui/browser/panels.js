// Panels one below the other: big numbers in a row, and tables, in a frame where they have a title. A table's cells are text, states, links,
// numbers, parts of a whole, badges or buttons; on a narrow screen each of its rows is a small card.
const SIGNS = {
  good: '<circle cx="8" cy="8" r="7" fill="currentColor" opacity=".16"/><path d="M4.8 8.2l2.2 2.2 4.2-4.6" fill="none" stroke="currentColor" stroke-width="1.7"/>',
  bad: '<circle cx="8" cy="8" r="7" fill="currentColor" opacity=".16"/><path d="M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4" stroke="currentColor" stroke-width="1.7"/>',
  busy: '<circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="2" opacity=".25"/><path d="M8 2a6 6 0 0 1 6 6" fill="none" stroke="currentColor" stroke-width="2"/>',
  warn: '<path d="M8 1.8L15 14H1z" fill="currentColor" opacity=".2"/><path d="M8 6v4M8 11.6v1" stroke="currentColor" stroke-width="1.6"/>',
  idle: '<circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="1.4" stroke-dasharray="2.4 2"/>',
};

const LONGEST_WHOLE = 16; // letters

function made(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function fill(td, cell, send) {
  if (cell.title) td.title = cell.title;
  if (cell.kind === "state") {
    const state = made("span", `state ${cell.tone}`);
    state.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true">${SIGNS[cell.tone] || SIGNS.idle}</svg>`;
    state.append(made("span", "", cell.text));
    td.append(state);
  } else if (cell.kind === "link") {
    const link = made("a", "", cell.text);
    link.href = cell.href;
    link.dataset.focus = `link ${cell.id}`;
    link.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      send({ row: cell.id, action: "open" });
    };
    td.append(link);
  } else if (cell.kind === "part") {
    const part = made("span", "part");
    const bar = made("i");
    bar.setAttribute("aria-hidden", "true");
    bar.append(made("b"));
    bar.firstChild.style.width = `${Math.round(100 * cell.share)}%`;
    part.append(bar, made("span", "", cell.text));
    td.append(part);
  } else if (cell.kind === "badges") {
    for (const word of cell.words) td.append(made("span", "badge", word));
  } else if (cell.kind === "buttons") {
    for (const one of cell.buttons) {
      const button = made("button", "", one.text);
      button.type = "button";
      button.dataset.focus = `${one.action} ${one.id}`;
      if (one.label) button.setAttribute("aria-label", one.label);
      button.onclick = () => send({ row: one.id, action: one.action });
      td.append(button);
    }
  } else {
    td.textContent = cell.text;
  }
  // A column of short words is not narrowed into them; long ids and paths may break anywhere.
  if (td.textContent.split(/[\s/-]+/).every((word) => word.length <= LONGEST_WHOLE)) td.classList.add("whole");
}

function tableOf(data, send) {
  const table = made("table");
  table.append(made("caption", "", data.alt));
  const head = made("tr");
  for (const column of data.columns) {
    const th = made("th", column.look, column.title);
    th.scope = "col";
    head.append(th);
  }
  if (data.columns.some((column) => column.title)) table.createTHead().append(head);
  const body = table.createTBody();
  for (const row of data.rows) {
    const tr = made("tr", row.chosen ? "chosen" : "");
    const chief = Math.max(0, row.cells.findIndex((cell) => cell.kind === "link"));
    row.cells.forEach((cell, index) => {
      const column = data.columns[index];
      const td = made("td", [column.look || "plain", column.phone ? "" : "wide-only"].join(" ").trim());
      if (column.title) td.dataset.title = column.title;
      if (index && column.title && !["state", "link"].includes(cell.kind)) td.classList.add("labelled");
      if (index === chief) td.classList.add("chief");
      if (cell.kind === "state") td.classList.add("sign");
      fill(td, cell, send);
      tr.append(td);
    });
    body.append(tr);
  }
  return table;
}

// Each number with its label and what it is compared with.
function numbersOf(data) {
  const list = made("dl");
  list.style.setProperty("--count", data.numbers.length);
  for (const one of data.numbers) {
    const box = made("div");
    const value = made("dd", "value", one.value);
    value.title = one.value;
    box.append(made("dt", "", one.label), value);
    if (one.beside) box.append(made("dd", "", one.beside));
    list.append(box);
  }
  return list;
}

function panelOf(data, send) {
  if (data.kind === "numbers") return numbersOf(data);
  const table = tableOf(data, (clicked) => send({ ...clicked, table: data.name }));
  if (!data.title) return table;
  const frame = made("section");
  frame.append(made("h2", "", data.title));
  if (data.lead) frame.append(made("p", "", data.lead));
  frame.append(table);
  return frame;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const focused = parentElement.activeElement?.dataset?.focus;
  const panels = made("div", "panels");
  for (const one of data.panels) panels.append(panelOf(one, (value) => setTriggerValue("clicked", value)));
  parentElement.querySelector(".panels")?.remove();
  parentElement.append(panels);
  if (focused) [...panels.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === focused)?.focus();
}

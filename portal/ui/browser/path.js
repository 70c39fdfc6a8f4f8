// A path of things by kind, each kind a column with an arrow to the next, a row each on a narrow screen; long columns open by a button.
function made(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function thing(one, send) {
  const name = made(one.href && !one.current ? "a" : "span", one.current ? "current" : "");
  for (const part of one.text.split(/(?<=[_/.\-])/)) name.append(part, made("wbr")); // where a name may end a line
  name.title = one.title || one.text;
  if (one.current) name.setAttribute("aria-current", "true");
  if (name.tagName === "A") {
    name.href = one.href;
    name.dataset.focus = one.id;
    name.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      send({ row: one.id, action: "open" });
    };
  }
  return name;
}

function level(one, data, opened, send) {
  const column = made("li");
  column.append(made("span", "kind", one.title));
  const list = made("ul");
  const all = opened.has(one.title) || one.things.length <= data.most + 1;
  for (const each of all ? one.things : one.things.slice(0, data.most)) {
    const item = made("li");
    item.append(thing(each, send));
    list.append(item);
  }
  if (!all) {
    const more = made("button", "", one.more);
    more.type = "button";
    more.onclick = () => {
      opened.add(one.title);
      column.replaceWith(level(one, data, opened, send));
    };
    const item = made("li");
    item.append(more);
    list.append(item);
  }
  column.append(list);
  return column;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const opened = (parentElement.opened ??= new Set());
  const focused = parentElement.activeElement?.dataset?.focus;
  const path = made("ol");
  path.setAttribute("aria-label", data.alt);
  for (const one of data.levels) path.append(level(one, data, opened, (value) => setTriggerValue("clicked", value)));
  parentElement.querySelector("ol")?.remove();
  parentElement.append(path);
  if (focused) [...path.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === focused)?.focus();
}

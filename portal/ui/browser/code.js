// A text of YAML to write: a plain text area, over the same text in colours and beside its lines' numbers. What assistive tools, undo and
// input methods know of text areas holds. Tab indents; Escape and then Tab leaves.
const TOKENS = new RegExp([
  String.raw`(?<note>(?:^|(?<=\s))#.*$)`,
  String.raw`(?<filled>\{\{.*?\}\})`,
  String.raw`(?<key>(?:"[^"]*"|'[^']*'|[\w./-]+)(?=:(?:\s|$)))`,
  String.raw`(?<text>"(?:\\.|[^"\\])*"|'(?:''|[^'])*')`,
  String.raw`(?<value>(?<=[\s[,{])(?:true|false|yes|no|on|off|y|n|null|~|[-+]?\d[\d_]*(?:\.\d+)?(?:e[-+]?\d+)?)(?=\s*(?:$|[,\]}#])))`,
].join("|"), "gi");
const INDENT = "  ";

function made(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function coloured(line) {
  const row = made("div");
  let at = 0;
  for (const found of line.matchAll(TOKENS)) {
    if (!found[0]) continue;
    const [kind] = Object.entries(found.groups).find(([, value]) => value !== undefined);
    row.append(line.slice(at, found.index), made("span", kind, found[0]));
    at = found.index + found[0].length;
  }
  row.append(line.slice(at));
  return row;
}

// Draws again only the lines that changed, since a manifest may have thousands.
function draw(box) {
  const lines = box.area.value.split("\n");
  lines.forEach((line, number) => {
    const row = box.sheet.children[number];
    if (row?.line === line) return;
    const drawn = Object.assign(coloured(line), { line });
    if (row) row.replaceWith(drawn);
    else box.sheet.append(drawn);
  });
  while (box.sheet.children.length > lines.length) box.sheet.lastChild.remove();
  while (box.numbers.children.length < lines.length) box.numbers.append(made("span", "", String(box.numbers.children.length + 1)));
  while (box.numbers.children.length > lines.length) box.numbers.lastChild.remove();
  mark(box);
}

function mark(box) {
  for (const rows of [box.sheet, box.numbers]) [...rows.children].forEach((row, number) => row.classList.toggle("wrong", number + 1 === box.wrong));
}

// Puts the cursor at the beginning of the wrong line's text, and the line in the middle of the box.
function go(box) {
  const lines = box.area.value.split("\n"), before = lines.slice(0, box.wrong - 1).join("\n").length + (box.wrong > 1 ? 1 : 0);
  const at = before + (lines[box.wrong - 1] || "").search(/\S|$/);
  box.area.focus({ preventScroll: true });
  box.area.setSelectionRange(at, at);
  const row = box.sheet.children[box.wrong - 1];
  if (row) box.frame.scrollTop = row.offsetTop - box.frame.clientHeight / 2;
  box.frame.scrollIntoView({ block: "nearest" });
}

// By the browser's own editing, so that undo takes it back.
function type(text) {
  document.execCommand(text ? "insertText" : "delete", false, text);
}

function indent(area, back) {
  const { selectionStart: start, selectionEnd: end, value } = area;
  const first = value.lastIndexOf("\n", start - 1) + 1;
  if (!back && start === end) return type(INDENT);
  const lines = value.slice(first, end).split("\n");
  const moved = lines.map((line) => (back ? line.replace(/^ {1,2}/, "") : INDENT + line)).join("\n");
  if (moved === lines.join("\n")) return;
  area.setSelectionRange(first, end);
  type(moved);
  if (start === end) area.setSelectionRange(Math.max(first, start + moved.length - (end - first)), Math.max(first, start + moved.length - (end - first)));
  else area.setSelectionRange(first, first + moved.length);
}

function newLine(area) {
  const line = area.value.slice(area.value.lastIndexOf("\n", area.selectionStart - 1) + 1, area.selectionStart);
  type("\n" + line.match(/^ */)[0] + (/:\s*$/.test(line) ? INDENT : ""));
}

function keys(event, box) {
  const leaving = box.leaving;
  box.leaving = event.key === "Escape" || (leaving && event.key === "Shift");
  if (event.isComposing) return;
  if (event.key === "Tab" && !leaving) indent(box.area, event.shiftKey);
  else if (event.key === "Enter" && !(event.ctrlKey || event.metaKey)) newLine(box.area);
  else if (event.key === "Enter" || (event.key === "s" && (event.ctrlKey || event.metaKey))) box.save(box.area.value);
  else return;
  event.preventDefault();
}

function built(parent) {
  const box = { frame: made("div", "code"), numbers: made("div", "lines"), sheet: made("pre"), area: made("textarea"), foot: made("p", "keys") };
  const sheet = made("div", "sheet");
  for (const one of [box.numbers, box.sheet]) one.setAttribute("aria-hidden", "true");
  Object.assign(box.area, { spellcheck: false, autocapitalize: "off", autocomplete: "off", wrap: "off" });
  sheet.append(box.sheet, box.area);
  box.frame.append(box.numbers, sheet);
  box.jump = made("button");
  box.jump.type = "button";
  box.jump.onclick = () => go(box);
  box.hint = made("span");
  box.hint.id = "keys";
  box.area.setAttribute("aria-describedby", "keys");
  box.foot.append(box.jump, box.hint);
  box.area.addEventListener("input", () => {
    draw(box);
    clearTimeout(box.waiting);
    box.waiting = setTimeout(() => box.tell(), 500);
  });
  box.area.addEventListener("blur", () => box.tell());
  box.area.addEventListener("keydown", (event) => keys(event, box));
  parent.append(box.frame, box.foot);
  return box;
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const box = (parentElement.atriumCode ??= built(parentElement));
  box.tell = () => {
    clearTimeout(box.waiting);
    if (box.told === box.area.value) return;
    box.told = box.area.value;
    setStateValue("text", box.told);
  };
  box.save = (text) => {
    box.tell();
    setTriggerValue("save", text);
  };
  box.area.setAttribute("aria-label", data.label);
  box.hint.textContent = data.hint;
  if (box.given !== data.given) {
    box.given = data.given;
    box.told = box.area.value = data.text;
  }
  const asked = `${data.wrong} ${data.asked}`, moved = data.wrong && box.asked !== asked;
  box.asked = asked;
  box.wrong = data.wrong;
  box.jump.hidden = !data.wrong;
  box.jump.textContent = data.jump;
  box.area.setAttribute("aria-invalid", String(Boolean(data.wrong)));
  draw(box);
  if (moved) requestAnimationFrame(() => go(box));
}

// The choice of a project; and what the visitor chose lasts: the page's language is told to the browser, and put where Streamlit's own widgets
// speak English; the theme is kept for every page's address.
const YEAR = 31536000;

function keep(name, value) {
  const wanted = `${name}=${value}`;
  if (document.cookie.split("; ").includes(wanted)) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${wanted}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
}

// What had the focus can go with the page that it was on, at the latest when the run ends; the new page's heading takes it
// then, so that Tab goes on from there.
const RUNS = "data-test-script-state";
let address = "";

function headingTakesLostFocus() {
  if (document.activeElement !== document.body) return;
  const heading = document.querySelector("[data-testid=stMain] h1");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
}

function keepFocus(now) {
  const moved = address && address !== now;
  address = now;
  const app = document.querySelector(`[${RUNS}]`);
  if (!moved || !app) return;
  headingTakesLostFocus();
  const ended = new MutationObserver(() => {
    if (app.getAttribute(RUNS) !== "notRunning") return;
    ended.disconnect();
    requestAnimationFrame(headingTakesLostFocus);
  });
  ended.observe(app, { attributes: true, attributeFilter: [RUNS] });
}

function chooseProject(data, parentElement, send) {
  let [label, select] = parentElement.querySelectorAll("label, select");
  if (!select) {
    label = document.createElement("label");
    select = document.createElement("select");
    label.htmlFor = select.id = "project";
    parentElement.append(label, select);
  }
  label.hidden = select.hidden = !data.projects.length;
  label.textContent = data.label;
  select.replaceChildren(...data.projects.map((name) => new Option(name, name, false, name === data.project)));
  select.onchange = () => send(select.value);
}

// Streamlit's widgets have no setting for their own words ("Select all", "200MB per file"): they are replaced as they come.
const LABELS = ["aria-label", "placeholder"], WRITTEN = "code, pre, textarea, [data-testid=stMarkdown], [contenteditable]";
let own = [];

function inOurWords(text) {
  for (const [shape, words] of own) {
    const found = text && shape.exec(text.trim());
    if (found) return words.replace("{}", () => found[1]);
  }
  return null;
}

function reword(node) {
  if (node.nodeType === Node.TEXT_NODE) {
    const words = node.parentElement?.closest(WRITTEN) ? null : inOurWords(node.data);
    if (words) node.data = words;
    return;
  }
  if (node.nodeType !== Node.ELEMENT_NODE) return;
  for (const label of LABELS) {
    const words = inOurWords(node.getAttribute(label));
    if (words) node.setAttribute(label, words);
  }
  node.childNodes.forEach(reword);
}

const reworded = new MutationObserver((changes) => changes.forEach((one) => [one.target, ...one.addedNodes].forEach(
  (node) => (node === one.target && one.type === "childList" ? null : reword(node)))));

function speak(pairs) {
  const escaped = (text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace("{}", "(.+)");
  own = pairs.map(([text, words]) => [new RegExp(`^${escaped(text)}$`), words]);
  reworded.disconnect();
  if (!own.length) return;
  reword(document.body);
  reworded.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: LABELS });
}

export default function ({ data, parentElement, setTriggerValue }) {
  chooseProject(data, parentElement, (name) => setTriggerValue("project", name));
  keepFocus(JSON.stringify(data.address));
  speak(data.own);
  document.documentElement.lang = data.lang;
  const app = document.querySelector("[data-testid=stApp]");
  document.documentElement.style.colorScheme = app ? getComputedStyle(app).colorScheme : ""; // dialogs stand outside the app
  if (data.language) keep("atrium_language", data.language);
  if (data.seen) keep("atrium_seen_dashboard", "1");
  if (!data.theme) return;
  keep("atrium_theme", data.theme);
  let changed = false;
  for (const path of data.paths) {
    const key = `stActiveTheme-${path}-v2`;
    if (localStorage.getItem(key) !== JSON.stringify(data.theme)) {
      localStorage.setItem(key, JSON.stringify(data.theme));
      changed = changed || path === location.pathname;
    }
  }
  if (changed) location.reload();
}

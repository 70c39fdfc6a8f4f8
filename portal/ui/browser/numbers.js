// Big numbers in a row, each with its label and what it is compared with.
function made(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

export default function ({ data, parentElement }) {
  const list = document.createElement("dl");
  list.style.setProperty("--count", data.numbers.length);
  for (const one of data.numbers) {
    const box = document.createElement("div");
    const value = made("dd", one.value);
    value.className = "value";
    value.title = one.value;
    box.append(made("dt", one.label), value);
    if (one.beside) box.append(made("dd", one.beside));
    list.append(box);
  }
  parentElement.querySelector("dl")?.remove();
  parentElement.append(list);
}

"use strict";
/* The page is whole without this script; it adds readings of the curve, sorting, and larger pictures. */
const make = (tag, given, ...inside) => {
  const made = Object.assign(document.createElement(tag), given);
  made.append(...inside);
  return made;
};

for (const chart of document.querySelectorAll(".chart")) {
  const texts = JSON.parse(chart.dataset.texts);
  const plots = [...chart.querySelectorAll("[data-places]")].map((box) => {
    const reader = make("div", { className: "reader", tabIndex: 0 });
    const tip = make("div", { className: "tip", hidden: true });
    reader.setAttribute("role", "slider");
    reader.setAttribute("aria-label", "Accuracy at ε");
    reader.setAttribute("aria-valuemin", 0);
    reader.setAttribute("aria-valuemax", texts.length - 1);
    const rule = make("div", { className: "rule", hidden: true });
    const dot = make("div", { className: "dot", hidden: true });
    box.append(rule, dot, tip, reader);
    return { places: JSON.parse(box.dataset.places), reader, marks: [tip, rule, dot] };
  });
  let now = Number(chart.dataset.start);
  const show = (index, visible) => {
    now = Math.min(Math.max(index, 0), texts.length - 1);
    for (const { places, reader, marks } of plots) {
      const [x, y] = places[now];
      reader.setAttribute("aria-valuenow", now);
      reader.setAttribute("aria-valuetext", texts[now]);
      const [tip, rule, dot] = marks;
      tip.textContent = texts[now];
      tip.style.left = `${Math.min(Math.max(x, 22), 78)}%`;
      rule.style.left = dot.style.left = `${x}%`;
      dot.style.top = `${y}%`;
      for (const mark of marks) mark.hidden = !visible;
    }
  };
  show(now, false);
  const keys = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -1e6, End: 1e6 };
  for (const { places, reader } of plots) {
    reader.addEventListener("pointermove", (event) => {
      const box = reader.getBoundingClientRect();
      const x = (100 * (event.clientX - box.left)) / box.width;
      const after = places.findIndex((place) => place[0] > x);
      show(after < 0 ? texts.length - 1 : after - 1, true);
    });
    reader.addEventListener("pointerleave", () => show(now, document.activeElement === reader));
    reader.addEventListener("focus", () => show(now, reader.matches(":focus-visible")));
    reader.addEventListener("blur", () => show(now, false));
    reader.addEventListener("keydown", (event) => {
      if (event.key in keys) {
        event.preventDefault();
        show(now + keys[event.key], true);
      }
    });
  }
}

const value = (row, column) => {
  const cell = row.cells[column];
  const text = cell.dataset.value ?? cell.textContent;
  return text === "" ? Infinity : isNaN(text) ? text : Number(text);
};
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = make("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const falling = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((one, other) => {
        const [a, b] = [value(one, column), value(other, column)];
        const order = typeof a === typeof b && typeof a === "number" ? (a < b ? -1 : a > b ? 1 : 0) : String(a).localeCompare(String(b));
        return falling ? -order : order;
      });
      table.tBodies[0].append(...rows);
    });
  });
}

const samples = [...document.querySelectorAll(".sample")];
if (samples.length) {
  const stage = make("div", { className: "stage" });
  const move = (by) => show((at + by + samples.length) % samples.length);
  const button = (text, act) => {
    const made = make("button", { type: "button", textContent: text });
    made.addEventListener("click", act);
    return made;
  };
  const dialog = make("dialog", {}, stage);
  dialog.setAttribute("aria-label", "Adversarial example, enlarged");
  dialog.append(
    make("p", { className: "steps" }, button("Previous", () => move(-1)), button("Next", () => move(1)), button("Close", () => dialog.close())),
  );
  document.querySelector("main").append(dialog);
  let at = 0;
  const show = (index) => {
    at = index;
    const copy = samples[index].cloneNode(true);
    copy.querySelector(".enlarge").remove();
    stage.replaceChildren(copy);
  };
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") move(1);
    if (event.key === "ArrowLeft") move(-1);
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  samples.forEach((sample, index) => {
    const opener = button("", () => {
      show(index);
      dialog.showModal();
    });
    opener.className = "enlarge";
    opener.setAttribute("aria-label", `Enlarge ${sample.dataset.name}`);
    sample.append(opener);
  });
}

let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const each of opened) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of opened) each.open = false;
});

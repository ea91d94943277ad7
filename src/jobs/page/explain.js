// The page that searches the facts: names while one types, then where a function may run, why, and on what evidence.

const at = (id) => document.getElementById(id);

// An element with children; text goes in as text, never as markup.
function make(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

async function ask(query) {
  const answer = await fetch(`explain?${new URLSearchParams(query)}`);
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}

function show_names(names) {
  at("names").replaceChildren(...names.slice(0, 40).map((name) => {
    const button = make("button", "plain", name);
    button.type = "button";
    button.addEventListener("click", () => explain(name));
    return button;
  }));
}

const cells = (...texts) => make("tr", "", ...texts.map((text) => make("td", "wide", text)));
const heads = (...texts) => make("tr", "", ...texts.map((text) => make("th", "", text)));

function places_of(given) {
  return Object.entries(given.places).map(([name, place]) => make("tr", "",
    make("td", "", name), make("td", `may ${place.may}`, place.may),
    make("td", "wide", place.why + (place.condition ? `; if ${place.condition}` : ""))));
}

function known_of(given) {
  const lines = [
    ["waits", given.blocking.class + (given.blocking.argument ? ` (argument ${given.blocking.argument})` : "")],
    ["threads", [given.thread.class, ...given.thread.reasons].join(" ")],
    ["platform", given.thread.platform],
    ["changes", given.process_effects.join(", ")],
    ["instead, on the loop", given.replacement.loop],
    ["instead, in a thread", given.replacement.thread],
    ["sources disagree", given.disagreement],
    ["similar names", given.candidates.join(", ")],
    ["for certainty", given.look_at.join("; ")],
  ];
  return lines.filter(([, text]) => text).flatMap(([name, text]) => [make("dt", "", name), make("dd", "", text)]);
}

function show(given) {
  at("answer-section").hidden = false;
  at("answer-title").textContent = given.symbol + (given.found ? "" : ": not known");
  at("verdict").replaceChildren(heads("place", "may it", "why"), ...places_of(given));
  at("known").replaceChildren(...known_of(given));
  at("evidence").replaceChildren(heads("grade", "source", "place", "says"),
    ...given.evidence.map((seen) => cells(seen.grade, `${seen.source}, ${seen.version}`, seen.place, seen.says)));
}

async function explain(name) {
  at("failed").textContent = "";
  at("search").elements.name.value = name;
  history.replaceState(null, "", `#${encodeURIComponent(name)}`);
  try {
    const [given] = await ask({ name });
    show(given);
  } catch (failed) {
    at("failed").textContent = String(failed.message);
  }
}

let typed = 0;
at("search").elements.name.addEventListener("input", async (event) => {
  const like = event.target.value.trim();
  const turn = ++typed;
  if (like.length < 2) return show_names([]);
  const names = await ask({ like }).catch(() => []);
  if (turn === typed) show_names(names);  // else a later letter has asked already
});

at("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = event.target.elements.name.value.trim();
  if (name) explain(name);
});

if (location.hash.length > 1) explain(decodeURIComponent(location.hash.slice(1)));

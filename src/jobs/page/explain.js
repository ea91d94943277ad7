// The page that searches the facts: names while one types, then where a function may run, why, and on what evidence.

const at = (id) => document.getElementById(id);
const input = at("search").elements.names;
const examples = ["strtok", "getaddrinfo", "std::filesystem::current_path", "python:random.gauss",
  "python:urllib.request.urlopen", "ut_parse"];
const places = {
  loop: "in a callback", pool: "in several threads at once", lane: "one call at a time", process: "in a process of its own",
  jobs: "in the queue, perhaps elsewhere",
};

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

function link_to(name) {
  const button = make("button", "plain", name);
  button.type = "button";
  button.addEventListener("click", () => explain([name]));
  return button;
}

const show_names = (names) => at("names").replaceChildren(...names.slice(0, 40).map(link_to));

function row_of(name, place) {
  const why = make("td", "why", place.why);
  if (place.condition) why.append(make("span", "condition", `if ${place.condition}`));
  return make("tr", "", make("th", "", name, make("span", "quiet", places[name])),
    make("td", "", make("span", `may ${place.may}`, place.may)), why);
}

function known_of(given) {
  const lines = [
    ["waits", given.found && given.blocking.class + (given.blocking.argument ? ` (${given.blocking.argument})` : "")],
    ["threads", given.found && [given.thread.class, ...given.thread.reasons].join(" ")],
    ["platform", given.thread.platform],
    ["changes", given.process_effects.join(", ")],
    ["on the loop instead", given.replacement.loop],
    ["in a thread instead", given.replacement.thread],
    ["sources disagree", given.disagreement],
    ["for certainty", given.look_at.join("; ")],
  ];
  return make("dl", "", ...lines.filter(([, text]) => text).flatMap(
    ([name, text]) => [make("dt", "", name), make("dd", "", text)]));
}

const evidence_of = (seen) => make("li", "",
  make("span", `grade ${seen.grade}`, seen.grade), " ", seen.says,
  make("span", "source", `${seen.source} (${seen.version}), ${seen.place}`));

function answer_to(given) {
  const other_name = given.found && given.known_as !== given.symbol ? ` (see ${given.known_as})` : "";
  const title = make("h2", "symbol", given.symbol, make("span", "quiet", given.found ? other_name : ": not known"));
  const answer = make("section", "", title);
  if (given.candidates.length > 0) {
    answer.append(make("p", "names", "Similar names:", ...given.candidates.map(link_to)));
  }
  answer.append(make("table", "verdict", ...Object.entries(given.places).map(([name, place]) => row_of(name, place))));
  answer.append(known_of(given));
  if (given.evidence.length > 0) {
    answer.append(make("h3", "", "Evidence"), make("ul", "evidence", ...given.evidence.map(evidence_of)));
  }
  return answer;
}

async function explain(names) {
  at("failed").textContent = "";
  input.value = names.join(" ");
  history.replaceState(null, "", `#${encodeURIComponent(names.join(" "))}`);
  try {
    const given = await ask(names.map((name) => ["name", name]));
    at("answers").replaceChildren(...given.map(answer_to));
  } catch (failed) {
    at("failed").textContent = String(failed.message);
  }
}

const names_in = (text) => text.split(/[\s,;]+/).filter((name) => name);

let typed = 0;
input.addEventListener("input", async () => {
  const like = names_in(input.value).pop() ?? "";
  const turn = ++typed;
  if (like.length < 2) return show_names(examples);
  const names = await ask({ like }).catch(() => []);
  if (turn === typed) show_names(names);  // else a later letter has asked already
});

at("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const names = names_in(input.value);
  if (names.length > 0) explain(names);
});

show_names(examples);
if (location.hash.length > 1) explain(names_in(decodeURIComponent(location.hash.slice(1))));

// The page: jobs as they change, one in detail, a form, and how the loop is.

const at = (id) => document.getElementById(id);

// An element with attributes and children; text goes in as text, never as markup.
function make(name, attributes = {}, ...children) {
  const svg = ["svg", "line", "rect", "polyline", "text", "title", "g"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value !== undefined) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

async function ask(path, options) {
  const answer = await fetch(path, options);
  const said = await answer.json();
  if (answer.ok) return said;
  throw new Error([said.error, said.where && `(at ${said.where})`, said.hint && `\n${said.hint}`].filter(Boolean).join(" "));
}

const count = (number) => Number(number).toLocaleString("en");
function time(ms) {
  if (ms < 1) return `${(ms * 1000).toFixed(0)} µs`;
  if (ms < 1000) return `${+ms.toPrecision(ms < 10 ? 2 : 3)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}
const short = (number) => (typeof number === "number" ? String(+number.toPrecision(8)) : String(number));

// ---- jobs

const jobs = new Map();  // by id, as the server told them last
let older = null;
let chosen = null;

const ended = (job) => ["done", "failed", "cancelled"].includes(job.state);

function took(job) {
  if (!job.started) return "";
  const until = job.finished ? Date.parse(job.finished) : Date.now();
  return time(Math.max(0, until - Date.parse(job.started)));
}

function progress(job) {
  if (job.state === "running") return make("progress", { max: 1, value: job.progress });
  return job.note || (job.error ? job.error.split("\n")[0].slice(0, 60) : "");
}

function job_row(job) {
  const open = () => choose(job.id);
  const cancel = make("button", { class: "plain", "aria-label": `cancel job ${job.id}`,
    onclick: (event) => { event.stopPropagation(); ask(`/jobs/${job.id}`, { method: "DELETE" }).catch(() => {}); } }, "cancel");
  return make("tr", { class: job.id === chosen ? "chosen" : "", tabindex: 0, onclick: open,
    onkeydown: (event) => { if (event.key === "Enter") open(); } },
    make("td", {}, job.id), make("td", {}, job.calc || ""),
    make("td", { class: `state ${job.state}` }, job.cancel_requested && !ended(job) ? "cancelling" : job.state),
    make("td", {}, progress(job)), make("td", { class: "number" }, took(job)),
    make("td", {}, ended(job) ? "" : cancel));
}

let drawing = false;
function draw_jobs_soon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const newest = [...jobs.values()].sort((a, b) => b.id - a.id);
    at("jobs").replaceChildren(...newest.map(job_row));
    at("no-jobs").hidden = newest.length > 0;
    at("older").hidden = older === null;
  });
}

async function load_jobs(before) {
  const page = await ask(`/jobs?limit=30${before ? `&before=${before}` : ""}`);
  for (const job of page.jobs) jobs.set(job.id, job);
  older = page.next;
  draw_jobs_soon();
}

// Events tell what changed; what they do not tell is asked for, each job at most once at a time.
const asking = new Set();
async function refresh(id) {
  if (asking.has(id)) return;
  asking.add(id);
  try {
    const job = await ask(`/jobs/${id}`);
    jobs.set(id, job);
    draw_jobs_soon();
    if (id === chosen) draw_detail(job);
  } catch (gone) {
    jobs.delete(id);
  } finally {
    asking.delete(id);
  }
}

function changed(event) {
  const known = jobs.get(event.id);
  if (known) {
    jobs.set(event.id, { ...known, ...event });
    draw_jobs_soon();
  }
  if (!known || known.state !== event.state) refresh(event.id);
  while (jobs.size > 300) jobs.delete([...jobs.keys()].reduce((a, b) => (+a < +b ? a : b)));
}

// ---- one job

function choose(id) {
  chosen = id;
  history.replaceState(null, "", `#job-${id}`);
  at("detail").hidden = false;
  draw_jobs_soon();
  refresh(id).then(() => at("detail").scrollIntoView({ block: "nearest", behavior: "smooth" }));
}

// An object in one line: "mean 16.439, low 16.058".
function told(value) {
  if (Array.isArray(value)) return value.map(told).join(", ");
  if (value === null || typeof value !== "object") return short(value);
  return Object.entries(value).map(([name, content]) => `${name} ${typeof content === "object" && content !== null && !Array.isArray(content) ? `(${told(content)})` : told(content)}`).join(", ");
}

function facts(into, pairs) {
  into.replaceChildren(...pairs.filter(([, value]) => value !== "" && value !== undefined && value !== null)
    .flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function table_of(head, rows) {
  const numeric = (cell) => cell !== "" && !Number.isNaN(Number(cell));
  const numbers = head.map((_, i) => rows.length > 0 && rows.every((row) => numeric(row[i] ?? "")));
  return make("table", {}, make("thead", {}, make("tr", {}, ...head.map((cell, i) => make("th", { class: numbers[i] ? "number" : "" }, cell)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell) =>
      make("td", { class: numeric(cell) ? "number" : "" }, numeric(cell) ? short(Number(cell)) : cell))))));
}

// RFC 4180, for what our own server wrote.
function parse_csv(text) {
  const rows = [[]];
  let cell = "", quoted = false;
  for (let i = 0; i < text.length; ++i) {
    const c = text[i];
    if (quoted) {
      if (c === '"' && text[i + 1] === '"') { cell += '"'; ++i; }
      else if (c === '"') quoted = false;
      else cell += c;
    } else if (c === '"') quoted = true;
    else if (c === ",") { rows.at(-1).push(cell); cell = ""; }
    else if (c === "\n") { rows.at(-1).push(cell); cell = ""; rows.push([]); }
    else if (c !== "\r") cell += c;
  }
  if (cell || rows.at(-1).length) rows.at(-1).push(cell); else rows.pop();
  return rows;
}

const box = { width: 720, height: 180, left: 46, right: 8, top: 18, bottom: 20 };

function frame(label) {
  const { width, height, left, right, bottom } = box;
  return make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    make("line", { class: "axis", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }));
}

function plot_columns(names, columns) {
  const { width, height, left, right, top, bottom } = box;
  const all = columns.flat();
  const low = Math.min(...all), high = Math.max(...all), span = high - low || 1;
  const x = (i, n) => left + (width - left - right) * (n > 1 ? i / (n - 1) : 0.5);
  const y = (v) => height - bottom - (height - top - bottom) * (v - low) / span;
  const drawn = frame(names.join(" and "));
  drawn.append(make("text", { x: 2, y: y(high) + 4 }, short(+high.toPrecision(4))), make("text", { x: 2, y: y(low) }, short(+low.toPrecision(4))));
  columns.forEach((column, k) => {
    drawn.append(make("polyline", { class: `line ${k ? "second" : ""}`, points: column.map((v, i) => `${x(i, column.length).toFixed(1)},${y(v).toFixed(1)}`).join(" ") }),
      make("text", { x: left + 4 + k * 160, y: 11 }, `${k ? "▬ " : "━ "}${names[k]}`));
  });
  return drawn;
}

function plot_interval(found) {
  const { width, height, left, right, bottom } = box;
  const margin = (found.high - found.low) * 0.6 || 1;
  const x = (v) => left + (width - left - right) * (v - found.low + margin) / (found.high - found.low + 2 * margin);
  const drawn = frame("the interval");
  drawn.append(make("rect", { class: "band", x: x(found.low), y: 50, width: x(found.high) - x(found.low), height: height - bottom - 50 }),
    make("line", { class: "mark", x1: x(found.mean), x2: x(found.mean), y1: 40, y2: height - bottom }));
  for (const [v, lift] of [[found.low, 0], [found.mean, -14], [found.high, 0]])
    drawn.append(make("text", { x: x(v), y: 44 + lift, "text-anchor": "middle" }, short(+v.toPrecision(6))));
  return drawn;
}

async function draw_table(job) {
  const text = await (await fetch(`${job.table}?rows=1500`)).text();
  const [head, ...rows] = parse_csv(text);
  if (chosen !== job.id) return;
  const numbers = head.map((name, i) => ({ name, cells: rows.map((row) => Number(row[i])) }))
    .filter((column) => rows.length > 1 && column.cells.every(Number.isFinite) && rows.some((row) => row[head.indexOf(column.name)] !== ""));
  const wanted = Object.keys(job.args.columns || {});
  const shown = numbers.filter((column) => wanted.includes(column.name)).slice(0, 2);
  at("plot").replaceChildren(...(shown.length ? [plot_columns(shown.map((c) => c.name), shown.map((c) => c.cells))] : []));
  at("table").replaceChildren(table_of(head, rows.slice(0, 100)));
}

let drawn_table = null;
function draw_detail(job) {
  at("detail-title").textContent = `Job ${job.id}: ${job.calc}`;
  const result = job.result;
  const plain = result !== undefined && result !== null && !job.table;
  facts(at("facts"), [
    ["state", job.state], ["places", job.places], ["attempts", job.attempts], ["created", job.created], ["took", took(job)],
    ["progress", job.state === "running" ? `${(job.progress * 100).toFixed(0)} % ${job.note}` : ""],
    ["arguments", told(job.args)], ["result", plain ? told(result) : ""],
    ["table", job.table ? make("a", { href: job.table, download: `job-${job.id}.csv` }, `download (${count(result.rows ?? "")} rows)`) : ""]]);
  at("error").textContent = job.error ? `${job.error}${job.hint ? `\n${job.hint}` : ""}` : "";
  at("parts").replaceChildren(...(job.parts ? table_of(["part", "place", "thread", "ms", "calls"],
    job.parts.map((p) => [p.part, p.place, p.thread, p.milliseconds, p.calls ?? 1])).childNodes : []));
  if (job.table && drawn_table !== job.id) {
    drawn_table = job.id;
    draw_table(job).catch((why) => { at("error").textContent = why.message; });
  } else if (!job.table) {
    drawn_table = null;
    at("table").replaceChildren();
    at("plot").replaceChildren(...(plain && result.low !== undefined && result.high !== undefined ? [plot_interval(result)] : []));
  }
}

// ---- the form

at("convert").addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = new FormData(event.target);
  const numbers = given.get("value").split(/[\s,;]+/).filter(Boolean).map(Number);
  const answer = at("answer");
  try {
    if (!numbers.length || numbers.some(Number.isNaN)) throw new Error("The value is no number, nor a list of numbers.");
    const args = { value: numbers.length === 1 ? numbers[0] : numbers, from: given.get("from"), to: given.get("to") };
    const job = await ask("/jobs", { method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ calc: "units.convert", args }) });
    answer.className = "quiet";
    answer.textContent = `accepted as job ${job.id}`;
    await refresh(job.id);
    choose(job.id);
  } catch (why) {
    answer.className = "wrong";
    answer.textContent = why.message;
  }
});

// ---- health

function plot_turns(histogram) {
  const used = histogram.map((b) => b.turns);
  const last = used.findLastIndex((n) => n > 0) + 1;
  const bars = histogram.slice(0, Math.max(last, 8));
  const most = Math.max(1, ...used);
  const width = 300, height = 110, step = width / bars.length;
  const drawn = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "histogram of turns" });
  bars.forEach((bucket, i) => {
    const tall = bucket.turns ? Math.max(2, 82 * Math.log1p(bucket.turns) / Math.log1p(most)) : 0;
    drawn.append(make("rect", { class: "bar", x: i * step + 1, y: 90 - tall, width: Math.max(1, step - 2), height: tall },
      make("title", {}, `${count(bucket.turns)} turns below ${time(bucket.below_us / 1000)}`)));
    if (i % 4 === 0) drawn.append(make("text", { x: i * step, y: 105 }, `<${time(bucket.below_us / 1000)}`));
  });
  return drawn;
}

async function look() {
  try {
    const health = await ask("/health");
    const { loop } = health;
    facts(at("loop"), [["back end", loop.backend], ["turns", count(loop.turns)], ["median", time(loop.p50_ms)],
      ["99 %", time(loop.p99_ms)], ["longest", time(loop.longest_ms)], ["busy", `${(loop.busy * 100).toFixed(1)} %`],
      ["connections", count(health.web.connections)]]);
    at("turns").replaceChildren(plot_turns(loop.histogram));
    at("places").replaceChildren(...table_of(["place", "runs", "waits", "done"],
      health.places.map((p) => [`${p.name} (${p.kind})`, p.running, p.queued, p.completed])).childNodes);
    at("summary").textContent = `${count(health.jobs.queued)} queued, ${count(health.running)} running, ${count(health.jobs.done)} done`;
  } catch (unreachable) { /* the link says so */ }
}

// Asked for seldom: the server looks names up for it.
async function look_for_stalls() {
  try {
    const { watched, stalls, permissions } = await ask("/guard");
    at("stalls").replaceChildren(...(stalls.length === 0 ? [] : table_of(["in all", "times", "by", "at", "instead"],
      stalls.slice(0, 20).map((stall) => [time(stall.total_ms), stall.times, stall.call || stall.doing, stall.at, stall.instead])).childNodes));
    [...at("stalls").querySelectorAll("tbody tr")].forEach((row, i) => { row.title = stalls[i].stack; });
    at("no-stalls").hidden = stalls.length > 0;
    at("no-stalls").textContent = watched ? "Nothing so far." : "Nobody watches it.";
    at("permissions").replaceChildren(...table_of(["reason", "place", "times", "excused"],
      permissions.map((p) => [p.reason, p.at, p.times, p.excused])).childNodes);
    at("permitted").hidden = permissions.length === 0;
  } catch (unreachable) { /* the link says so */ }
}

async function load_calcs() {
  const { calcs } = await ask("/calcs");
  at("calcs").replaceChildren(...calcs.map((calc) => make("li", {}, make("b", {}, calc.name),
    ...calc.places.map((place) => make("span", {}, `${place.place}: ${place.reason}`)))));
}

// ---- begin

function link(text, good) {
  at("link").textContent = text;
  at("link").classList.toggle("off", !good);
}

at("older").addEventListener("click", () => load_jobs(older));
const events = new EventSource("/events");
events.addEventListener("open", () => { link("live", true); load_jobs().then(open_linked).catch(() => {}); });
events.addEventListener("error", () => link("not connected", false));
events.addEventListener("job", (event) => changed(JSON.parse(event.data)));

function open_linked() {
  const linked = /^#job-(\d+)$/.exec(location.hash);
  if (linked && chosen === null) choose(linked[1]);
}

load_calcs().catch(() => {});
look();
look_for_stalls();
setInterval(look, 1000);
setInterval(look_for_stalls, 10000);
setInterval(draw_jobs_soon, 1000);

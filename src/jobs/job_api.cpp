// The server's HTTP interface: one coroutine a route.
#include "jobs/job_health.h"
#include "jobs/job_json.h"
#include "jobs/job_server_state.h"
#include "jobs/loop_findings.h"
#include "jobs/result_file.h"

#include <whorl/facts/fact_table.h>
#include <whorl/jobs/explanation.h>

#include <whorl_embedded/page.h>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

namespace whorl {

namespace {

using web::request;
using web::response;

constexpr std::size_t most_watchers = 1000;
constexpr std::size_t most_shown_rows = 10'000;

// A page of another origin may not make jobs in its visitor's name: whoever asks from a page says where that is from.
std::optional<response> refuse_foreign_pages(const request& asked) {
  const auto origin = asked.headers().find("Origin");
  if (!origin || *origin == fmt::format("http://{}", asked.host())) {
    return std::nullopt;
  }
  return response::json_error(403, fmt::format("a page from {} may not use this server", *origin), "Origin",
                              "open the server's own page, or send the request without a browser");
}

struct job_reference {
  std::optional<job_id> id;
  response refused;
};

job_reference referred_job(const request& asked) {
  auto id = parse_job_id(asked.parameter("id"));
  if (!id) {
    return {std::nullopt, refusal(objection{.what = id.error().what(),
                                            .where = "id",
                                            .hint = "a job's id is the number that POST /jobs answered"},
                                  404)};
  }
  return {*id, response()};
}

deferred<response> submit(job_server::state* self, request asked) {
  auto wanted = job_request_of(asked, self->calcs);
  if (!wanted) {
    co_return refusal(wanted.error());
  }
  std::vector<job_request> requests;
  requests.push_back(std::move(*wanted));
  auto accepted = co_await self->store->enqueue(std::move(requests)).result();
  if (!accepted) {
    co_return refusal(accepted.error(), "");
  }
  const result<enqueued_job>& job = accepted->front();
  if (!job) {
    co_return refusal(job.error(), job.error().is(errc::conflict) ? "Idempotency-Key" : "args");
  }
  const std::string id = to_string(job->id);
  value said;
  said.set("id", id).set("url", "/jobs/" + id).set("repeated", job->as == enqueued_job::how::repeated);
  co_return response::json(to_text(said)).with_status(202).with_header("Location", "/jobs/" + id);
}

deferred<response> list(job_server::state* self, request asked) {
  auto filter = list_filter_of(asked);
  if (!filter) {
    co_return refusal(filter.error());
  }
  auto page = co_await self->store->list(std::move(*filter)).result();
  if (!page) {
    co_return refusal(page.error(), "");
  }
  value jobs{value::list()};
  for (const job& each : page->jobs) {
    jobs.append(summary_of(each));
  }
  value said;
  said.set("jobs", std::move(jobs)).set("next", page->next ? value(to_string(*page->next)) : value());
  co_return response::json(to_text(said));
}

deferred<response> show(job_server::state* self, request asked) {
  auto reference = referred_job(asked);
  if (!reference.id) {
    co_return std::move(reference.refused);
  }
  auto found = co_await self->store->find(*reference.id).result();
  if (!found) {
    co_return refusal(found.error(), "id");
  }
  if (const auto running = self->runner->find(found->current())) {
    found->progress = running->progress;
  }
  co_return response::json(to_text(details_of(*found, self->calcs.find(found->calc))));
}

// Pieces of one file, from its begin to its end.
struct file_pieces {
  job_server::state* self;
  std::string path;
  std::uint64_t offset = 0;
};

deferred<std::optional<std::string>> next_piece(std::shared_ptr<file_pieces> pieces) {
  auto piece = co_await defer_to(pieces->self->files, read_result_piece, pieces->path, pieces->offset);
  pieces->offset += piece.size();
  std::optional<std::string> next;
  if (!piece.empty()) {
    next = std::move(piece);
  }
  co_return next;
}

deferred<response> send_table(job_server::state* self, std::string path, std::optional<std::size_t> rows) {
  constexpr std::string_view csv = "text/csv; charset=utf-8";
  if (rows) {
    auto head = co_await defer_to(self->files, read_result_head, path, *rows).result();
    co_return head ? response::of(csv, std::move(*head)) : refusal(head.error(), "id");
  }
  auto bytes = co_await defer_to(self->files, result_file_bytes, path).result();
  if (!bytes) {
    co_return refusal(bytes.error(), "id");
  }
  auto pieces = std::make_shared<file_pieces>(file_pieces{.self = self, .path = std::move(path)});
  co_return response::pulled(csv, [pieces] { return next_piece(pieces); }, *bytes);
}

std::expected<std::optional<std::size_t>, objection> rows_wanted(const request& asked) {
  const auto text = asked.query("rows");
  if (!text) {
    return std::nullopt;
  }
  std::size_t rows = 0;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), rows);
  if (failed != std::errc() || end != text->data() + text->size() || rows > most_shown_rows) {
    return std::unexpected(objection{.what = fmt::format("\"{}\" is no number of rows", *text),
                                     .where = "rows",
                                     .hint = fmt::format("give a whole number up to {}", most_shown_rows)});
  }
  return rows;
}

response no_result(const job& unfinished) {
  const std::string id = to_string(unfinished.id);
  const std::string why = unfinished.error.empty() ? "" : ": " + unfinished.error;
  return response::json_error(
      409, fmt::format("job {} is {} and has no result{}", id, to_string(unfinished.state), why), "id",
      has_ended(unfinished.state) ? "submit it again if you want one"
                                  : "wait until its state is done: GET /jobs/" + id);
}

deferred<response> send_result(job_server::state* self, request asked) {
  auto reference = referred_job(asked);
  if (!reference.id) {
    co_return std::move(reference.refused);
  }
  auto rows = rows_wanted(asked);
  if (!rows) {
    co_return refusal(rows.error());
  }
  auto found = co_await self->store->find(*reference.id).result();
  if (!found) {
    co_return refusal(found.error(), "id");
  }
  if (found->state != job_state::done) {
    co_return no_result(*found);
  }
  if (!found->result_file.empty()) {
    co_return co_await send_table(self, self->path_of(found->result_file), *rows);
  }
  const value details = details_of(*found, nullptr);
  co_return response::json(to_text(*details.find("result")));
}

deferred<response> cancel(job_server::state* self, request asked) {
  auto reference = referred_job(asked);
  if (!reference.id) {
    co_return std::move(reference.refused);
  }
  auto answer = co_await self->store->cancel(*reference.id).result();
  if (!answer) {
    co_return refusal(answer.error(), "id");
  }
  self->runner->stop(*reference.id);
  value said;
  said.set("id", to_string(*reference.id))
      .set("state", *answer == cancel_answer::cancelled ? "cancelled" : "cancelling");
  co_return response::json(to_text(said)).with_status(202);
}

response list_calcs(const job_server::state& self) {
  value all;
  for (const calc* offered : self.calcs.all()) {
    all.append(offered->describe());
  }
  value said;
  said.set("calcs", std::move(all));
  return response::json(to_text(said));
}

constexpr std::size_t most_names_asked = 50;
constexpr std::size_t most_names_found = 200;

// The names in ?name=a&name=b as an array of what is known of them; those with ?like=; or the page that asks for both.
response explain(const request& asked) {
  value said{value::list()};
  if (const auto like = asked.query("like")) {
    for (const std::string_view name : facts::names_with(*like, most_names_found)) {
      said.append(name);
    }
    return response::json(to_text(said));
  }
  for (const auto& [parameter, name] : asked.query()) {
    if (parameter == "name" && said.as_list().size() < most_names_asked) {
      said.append(to_value(facts::judge(name)));
    }
  }
  if (!said.as_list().empty()) {
    return response::json(to_text(said));
  }
  const auto files = whorl_embedded::page();
  const auto page = std::ranges::find(files, "explain.html", &web::embedded_file::path);
  return response::html(std::string(page->content));
}

std::vector<stall> stalls_seen_by(const std::shared_ptr<const stall_watch>& guard) {
  return guard ? guard->stalls() : std::vector<stall>();
}

// Symbols are looked up for it, which is not for a loop.
deferred<response> tell_findings(job_server::state* self) {
  loop_findings found{.watched = self->options.guard != nullptr,
                      .stalls = {},
                      .longest_callbacks = self->loop.statistics().longest_callbacks,
                      .permissions = blocking_permissions()};
  auto stalls = co_await defer_to(self->files, stalls_seen_by, self->options.guard);
  found.stalls = std::move(stalls);
  co_return response::json(to_text(to_value(found)));
}

response subscribe(job_server::state& self) {
  std::erase_if(self.watchers, [](const web::event_stream& watcher) { return !watcher.open(); });
  if (self.watchers.size() >= most_watchers) {
    return response::json_error(503, fmt::format("{} watch already", most_watchers), "", "ask GET /jobs now and then");
  }
  web::event_stream stream;
  self.watchers.push_back(stream);
  return response::events(stream);
}

}  // namespace

void job_server::state::add_routes() {
  web::server& on = *site;
  on.check(refuse_foreign_pages);
  on.post("/jobs", [this](request asked) { return submit(this, std::move(asked)); });
  on.get("/jobs", [this](request asked) { return list(this, std::move(asked)); });
  on.get("/jobs/{id}", [this](request asked) { return show(this, std::move(asked)); });
  on.get("/jobs/{id}/result", [this](request asked) { return send_result(this, std::move(asked)); });
  on.route("DELETE", "/jobs/{id}", [this](request asked) { return cancel(this, std::move(asked)); });
  on.get("/calcs", [this](const request&) { return list_calcs(*this); });
  on.get("/explain", [](const request& asked) { return explain(asked); });
  on.get("/events", [this](const request&) { return subscribe(*this); });
  on.get("/health", [this](const request&) { return response::json(to_text(to_value(health()))); });
  on.get("/guard", [this](const request&) { return tell_findings(this); });
  on.get("/metrics", [this](const request&) {
    return response::of("text/plain; version=0.0.4; charset=utf-8", to_metrics(health()));
  });
  on.files("/", whorl_embedded::page());
}

}  // namespace whorl

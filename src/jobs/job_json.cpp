#include "jobs/job_json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

namespace whorl {

namespace {

constexpr std::size_t most_listed = 1000;

std::string iso_time(utc_time at) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), (at - seconds).count());
}

value time_or_null(const std::optional<utc_time>& at) { return at ? value(iso_time(*at)) : value(); }

// What the store keeps as JSON text was written by us; anything else is shown as the text that it is.
value stored_json(const std::string& text) {
  auto parsed = parse_value(text);
  return parsed ? std::move(*parsed) : value(text);
}

result<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size()) {
    return std::unexpected(error(errc::bad_input));
  }
  return number;
}

std::expected<std::int64_t, objection> optional_integer(const value& body, const char* name, std::int64_t least,
                                                        std::int64_t most) {
  const value* given = body.find(name);
  if (given == nullptr) {
    return 0;
  }
  if (!given->is(value::kind::integer) || given->as_integer() < least || given->as_integer() > most) {
    return std::unexpected(objection{.what = fmt::format("{} is no whole number from {} to {}", name, least, most),
                                     .where = name,
                                     .hint = "give such a number, or leave it out"});
  }
  return given->as_integer();
}

std::optional<objection> unknown_member(const value& body) {
  constexpr std::array<std::string_view, 4> known{"calc", "args", "priority", "delay_ms"};
  for (const auto& [name, content] : body.as_object()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return objection{
          .what = fmt::format("a job has no \"{}\"", name),
          .where = name,
          .hint = "a job is {\"calc\": name, \"args\": {...}}, with \"priority\" and \"delay_ms\" if wanted"};
    }
  }
  return std::nullopt;
}

}  // namespace

value summary_of(const job& told) {
  value said;
  said.set("id", to_string(told.id))
      .set("calc", told.calc)
      .set("state", to_string(told.state))
      .set("cancel_requested", told.cancel_requested)
      .set("attempts", told.attempt)
      .set("failures", told.failures)
      .set("crashes", told.crashes)
      .set("priority", told.priority)
      .set("progress", told.progress)
      .set("note", told.note)
      .set("created", iso_time(told.created))
      .set("not_before", time_or_null(told.not_before))
      .set("started", time_or_null(told.started))
      .set("finished", time_or_null(told.finished));
  if (!told.error.empty()) {
    said.set("error", told.error).set("hint", told.hint);
  }
  return said;
}

value details_of(const job& told, const calc* what) {
  value said = summary_of(told);
  if (what != nullptr) {
    said.set("places", what->place_names());
  }
  said.set("args", stored_json(told.arguments));
  if (told.lease) {
    said.set("worker", told.lease->worker);
  }
  if (told.state == job_state::done) {
    value stored = stored_json(told.result);
    const value* answer = stored.find("answer");
    const value* parts = stored.find("parts");
    said.set("result", answer != nullptr ? *answer : value()).set("parts", parts != nullptr ? *parts : value());
    said.set("table", told.result_file.empty() ? value() : value("/jobs/" + to_string(told.id) + "/result"));
  }
  return said;
}

value event_of(const job_change& change, std::string_view calc) {
  value said;
  said.set("id", to_string(change.id));
  if (!calc.empty()) {
    said.set("calc", calc);
  }
  said.set("state", to_string(change.state))
      .set("cancel_requested", change.cancel_requested)
      .set("progress", change.progress)
      .set("note", change.note);
  return said;
}

std::expected<job_request, objection> job_request_of(const web::request& asked, const calc_registry& offered) {
  auto body = parse_value(asked.body());
  if (!body) {
    return std::unexpected(
        objection{.what = body.error().what(),
                  .where = "body",
                  .hint = "send {\"calc\": \"units.convert\", \"args\": {...}}; GET /calcs lists them"});
  }
  if (!body->is(value::kind::object)) {
    return std::unexpected(objection{.what = "a job is a JSON object",
                                     .where = "body",
                                     .hint = "send {\"calc\": name, \"args\": {...}}; GET /calcs lists the names"});
  }
  if (auto unknown = unknown_member(*body)) {
    return std::unexpected(std::move(*unknown));
  }
  const value* name = body->find("calc");
  if (name == nullptr || !name->is(value::kind::text)) {
    return std::unexpected(objection{
        .what = "the name of a calculation is missing", .where = "calc", .hint = "GET /calcs lists those there are"});
  }
  auto what = offered.require(name->as_text());
  if (!what) {
    return std::unexpected(std::move(what.error()));
  }
  const value* arguments = body->find("args");
  auto checked = (*what)->check(arguments != nullptr ? *arguments : value(value::object()));
  if (!checked) {
    return std::unexpected(std::move(checked.error()));
  }
  auto priority = optional_integer(*body, "priority", -1000, 1000);
  if (!priority) {
    return std::unexpected(std::move(priority.error()));
  }
  constexpr std::int64_t a_year_ms = std::int64_t{366} * 24 * 3600 * 1000;
  auto delay = optional_integer(*body, "delay_ms", 0, a_year_ms);
  if (!delay) {
    return std::unexpected(std::move(delay.error()));
  }
  return job_request{.calc = name->as_text(),
                     .arguments = to_text(*checked),
                     .idempotency_key = std::string(asked.header("Idempotency-Key")),
                     .priority = static_cast<int>(*priority),
                     .delay = std::chrono::milliseconds(*delay)};
}

std::expected<list_jobs, objection> list_filter_of(const web::request& asked) {
  list_jobs filter;
  if (const auto wanted = asked.query("state")) {
    auto state = parse_job_state(*wanted);
    if (!state) {
      return std::unexpected(objection{.what = state.error().what(), .where = "state", .hint = "leave it out for all"});
    }
    filter.state = *state;
  }
  filter.calc = asked.query("calc").value_or("");
  if (const auto cursor = asked.query("before")) {
    auto before = parse_job_id(*cursor);
    if (!before) {
      return std::unexpected(
          objection{.what = before.error().what(), .where = "before", .hint = "take the \"next\" of the page before"});
    }
    filter.before = *before;
  }
  if (const auto limit = asked.query("limit")) {
    auto most = whole_number(*limit);
    if (!most || *most < 1 || *most > static_cast<std::int64_t>(most_listed)) {
      return std::unexpected(
          objection{.what = fmt::format("\"{}\" is no whole number from 1 to {}", *limit, most_listed),
                    .where = "limit",
                    .hint = "ask for the next page with before="});
    }
    filter.most = static_cast<std::size_t>(*most);
  }
  return filter;
}

web::response refusal(const error& why, std::string_view where) {
  struct meaning {
    errc code;
    int status;
    const char* hint;
  };
  static constexpr std::array<meaning, 6> meanings{{
      {errc::not_found, 404, "GET /jobs lists the jobs there are"},
      {errc::bad_input, 400, ""},
      {errc::conflict, 409, ""},
      {errc::too_large, 413, "give large inputs as a file: {\"file\": path}"},
      {errc::full, 429, "wait until some jobs have ended, and try again"},
      {errc::shutting_down, 503, "the server stops; try again when it is back"},
  }};
  for (const auto& [code, status, hint] : meanings) {
    if (why.is(code)) {
      auto said = web::response::json_error(status, why.what(), where, hint);
      return code == errc::full ? std::move(said).with_header("Retry-After", "5") : std::move(said);
    }
  }
  return web::response::json_error(503, why.what(), where, "the job store cannot answer; see the server's log");
}

web::response refusal(const objection& why, int status) {
  return web::response::json_error(status, why.what, why.where, why.hint);
}

}  // namespace whorl

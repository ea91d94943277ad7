#include "db/postgres_wire.h"

#include "db/postgres_error.h"
#include "db/postgres_values.h"

#include <whorl/deferred/log.h>
#include <whorl/places/defer_to_thread.h>

#include <fmt/format.h>

#include <array>
#include <utility>

namespace whorl::db::detail {

namespace {

// A stream has so many rows ready, and reads no more until they are taken.
constexpr std::size_t most_rows_ready = 512;
constexpr duration pause_between_cancels = std::chrono::milliseconds(100);
constexpr std::size_t most_parameters = 65'535;  // of the protocol

struct free_cancel {
  void operator()(PGcancel* request) const noexcept { PQfreeCancel(request); }
};

void send_cancel_request(may_block& /*wait*/, std::unique_ptr<PGcancel, free_cancel> request) {
  std::array<char, 256> why{};
  if (request == nullptr || PQcancel(request.get(), why.data(), why.size()) == 0) {
    log(log_level::warning, "PostgreSQL could not be asked to cancel a statement", {{"error", why.data()}});
  }
}

bool has_zero_byte(const statement& asked) {
  const auto zero_inside = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  bool found = zero_inside(asked.text.text);
  for (const value& each : asked.values) {
    const auto* text = each.find<std::string>();
    found = found || (text != nullptr && zero_inside(*text));
  }
  return found;
}

}  // namespace

postgres_wire::postgres_wire(reactor& loop, postgres_handle connected, const postgres_options& options)
    : loop_(loop), options_(options), connection_(std::move(connected)) {}

void postgres_wire::start() {
  PQsetnonblocking(connection_.get(), 1);
  PQenterPipelineMode(connection_.get());
  watch_reading();
}

std::shared_ptr<postgres_request> postgres_wire::send(statement asked, request_kind kind) {
  const auto made = std::make_shared<postgres_request>(std::move(asked), kind, transaction_open_);
  if (refuse(*made)) {
    made->over = true;
    made->news.set();
    return made;
  }
  transaction_open_ = transaction_open_ || kind == request_kind::begin;
  requests_.push_back(made);
  const bool first = requests_.size() == 1;
  if (!put_on_the_wire(*made)) {
    lost(words_of(connection_.get()));
    return made;
  }
  if (first) {
    begin_first();
  }
  flush();
  return made;
}

bool postgres_wire::refuse(postgres_request& request) const {
  if (broken()) {
    request.why_not.emplace(errc::connection_lost, "the connection to PostgreSQL is broken: nothing was sent on it");
  } else if (lent_) {
    request.why_not.emplace(errc::conflict, "the connection is busy with a COPY: end that first");
  } else if (request.asked.values.size() > most_parameters) {
    request.why_not.emplace(errc::too_large, fmt::format("a statement has {} parameters, and PostgreSQL takes {}: send "
                                                         "it in parts, or use COPY",
                                                         request.asked.values.size(), most_parameters));
  } else if (has_zero_byte(request.asked)) {
    request.why_not.emplace(errc::bad_input,
                            "a text has a zero byte, which PostgreSQL's text cannot hold: give it as a "
                            "blob, for a column of type bytea");
  }
  return request.why_not.has_value();
}

// Another request with the same text, sent before the server has said that it is prepared, goes without.
bool postgres_wire::put_on_the_wire(postgres_request& request) {
  PGconn* const to = connection_.get();
  const std::string& text = request.asked.text.text;
  const postgres_parameters given(request.asked.values);
  const auto known = prepared_.find(text);
  std::optional<std::string> name;
  if (known != prepared_.end()) {
    name = known->second;
  } else if (request.kind == request_kind::statement && prepared_.size() < options_.most_prepared) {
    prepared_.emplace(text, std::nullopt);
    request.prepares = true;
    name = request.name = fmt::format("whorl{}", ++names_given_);
    if (PQsendPrepare(to, name->c_str(), text.c_str(), 0, nullptr) == 0) {
      return false;
    }
  }
  const int sent =
      name ? PQsendQueryPrepared(to, name->c_str(), given.count(), given.starts(), given.lengths(), given.formats(), 0)
           : PQsendQueryParams(to, text.c_str(), given.count(), nullptr, given.starts(), given.lengths(),
                               given.formats(), 0);
  return sent != 0 && PQpipelineSync(to) != 0;
}

void postgres_wire::flush() {
  writing_.reset();
  if (broken() || lent_) {
    return;
  }
  const int left = PQflush(connection_.get());
  if (left < 0) {
    lost(words_of(connection_.get()));
  } else if (left > 0) {
    auto watching = loop_.io().watch_once(PQsocket(connection_.get()), readiness::writable, on_writable_);
    watching ? void(writing_ = std::move(*watching)) : lost(watching.error().message());
  }
}

void postgres_wire::watch_reading() {
  auto watching = loop_.io().watch_once(PQsocket(connection_.get()), readiness::readable, on_readable_);
  watching ? void(reading_ = std::move(*watching)) : lost(watching.error().message());
}

// What came before the end is read before the end is told.
void postgres_wire::can_read() {
  reading_.reset();
  const bool alive = PQconsumeInput(connection_.get()) != 0;
  const std::string words = alive ? std::string() : words_of(connection_.get());
  if (!alive) {
    writing_.reset();  // libpq has closed the descriptor
  }
  read_answers();
  if (broken()) {
    return;
  }
  if (!alive) {
    lost(words);
    return;
  }
  if (!paused() && !lent_) {
    watch_reading();
  }
  flush();
}

bool postgres_wire::paused() const noexcept {
  return !requests_.empty() && requests_.front()->kind == request_kind::stream && !requests_.front()->abandoned &&
         requests_.front()->got.size() >= most_rows_ready;
}

void postgres_wire::resume() {
  if (broken() || lent_ || reading_ != nullptr) {
    return;
  }
  read_answers();
  if (!broken() && !paused() && reading_ == nullptr) {
    watch_reading();
  }
}

void postgres_wire::read_answers() {
  int nothings = 0;  // one stands between the answers to a preparation and to its statement
  while (!broken() && !lent_ && !requests_.empty() && !paused() && nothings < 3 && PQisBusy(connection_.get()) == 0) {
    const postgres_result answer(PQgetResult(connection_.get()));
    if (answer == nullptr) {
      ++nothings;
      begin_first();
      continue;
    }
    nothings = 0;
    const auto first = requests_.front();
    take(*first, answer.get());
  }
  if (broken()) {
    return;
  }
  tell_notifications();
  if (!requests_.empty() && !requests_.front()->got.empty() && requests_.front()->kind == request_kind::stream) {
    const auto first = requests_.front();
    first->news.set();
  }
}

void postgres_wire::take(postgres_request& of, const PGresult* answer) {
  switch (PQresultStatus(answer)) {
    case PGRES_SINGLE_TUPLE:
    case PGRES_TUPLES_OK: take_rows(of, answer); break;
    case PGRES_COMMAND_OK: take_command(of, answer); break;
    case PGRES_PIPELINE_SYNC: end_first(); break;
    case PGRES_EMPTY_QUERY:
    case PGRES_PIPELINE_ABORTED: break;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH: lost("COPY was given as a query, which ends the connection: see postgres_copy.h"); break;
    default: take_error(of, answer);
  }
}

void postgres_wire::take_rows(postgres_request& of, const PGresult* answer) {
  take_command(of, answer);
  if (of.abandoned) {
    return;
  }
  if (of.names == nullptr) {
    of.names = names_of(answer);
  }
  const int count = PQntuples(answer);
  of.got.all.reserve(of.got.size() + static_cast<std::size_t>(count));
  for (int index = 0; index < count; ++index) {
    of.got.all.push_back(row_of(answer, index, of.names));
  }
}

void postgres_wire::take_command(postgres_request& of, const PGresult* answer) {
  if (of.prepares) {
    of.prepares = false;
    prepared_[of.asked.text.text] = of.name;
    return;
  }
  const std::string_view done = PQcmdStatus(const_cast<PGresult*>(answer));
  if (of.kind == request_kind::commit && done == "ROLLBACK") {
    of.why_not.emplace(failed::not_committed);
  }
  if (!done.starts_with("SELECT") && !done.starts_with("FETCH")) {
    const std::string count = PQcmdTuples(const_cast<PGresult*>(answer));
    of.got.changed = count.empty() ? 0 : std::stoll(count);
  }
}

// What was prepared may be out of date, and is prepared anew next time.
void postgres_wire::take_error(postgres_request& of, const PGresult* answer) {
  if (of.why_not) {
    return;
  }
  of.why_not = postgres_error(answer, of.asked.text.text);
  of.fatal = is_fatal(answer);
  const std::string state = sqlstate(*of.why_not);
  if (of.prepares || state == "0A000" || state == "26000") {
    of.prepares = false;
    prepared_.erase(of.asked.text.text);
  }
}

// Whoever waited may send more, or close this.
void postgres_wire::end_first() {
  const auto first = std::move(requests_.front());
  requests_.pop_front();
  if (first->kind == request_kind::commit || first->kind == request_kind::roll_back ||
      (first->kind == request_kind::begin && first->why_not)) {
    transaction_open_ = false;
  }
  giving_up_.cancel();
  cancelling_again_.cancel();
  begin_first();
  first->over = true;
  first->news.set();
  if (!broken()) {
    tell_quiet();
  }
}

// The server is at it now, or about to be.
void postgres_wire::begin_first() {
  if (requests_.empty()) {
    return;
  }
  postgres_request& first = *requests_.front();
  if (first.kind == request_kind::stream && first.names == nullptr) {
    PQsetSingleRowMode(connection_.get());
  }
  if (giving_up_.active()) {
    return;
  }
  if (first.interrupted) {
    send_cancel();
  }
  if (first.interrupted || first.kind == request_kind::commit) {
    give_up_later();
  }
}

void postgres_wire::tell_notifications() {
  while (!broken()) {
    PGnotify* const told = PQnotifies(connection_.get());
    if (told == nullptr) {
      return;
    }
    if (tell_) {
      tell_(*told);
    }
    PQfreemem(told);
  }
}

void postgres_wire::interrupt(postgres_request& unwanted) {
  if (unwanted.over || unwanted.interrupted || broken()) {
    return;
  }
  unwanted.interrupted = true;
  if (&unwanted == requests_.front().get()) {
    begin_first();
  }
}

void postgres_wire::give_up_later() {
  giving_up_ = loop_.call_later(options_.patience, [this] {
    const auto kept = shared_from_this();
    lost("the server did not answer in time");
  });
}

void postgres_wire::send_cancel() {
  if (!cancelling_) {
    cancelling_ = true;
    cancel_in_pool(shared_from_this()).detach();
  }
}

deferred<void> postgres_wire::cancel_in_pool(std::shared_ptr<postgres_wire> of) {
  std::unique_ptr<PGcancel, free_cancel> request(PQgetCancel(of->connection_.get()));
  auto sent = defer_to_thread(send_cancel_request, std::move(request));
  [[maybe_unused]] auto how = co_await std::move(sent).result();
  of->cancelling_ = false;
  of->cancel_again_later();
  of->tell_quiet();
}

// A cancel that reaches the server before its statement stops nothing.
void postgres_wire::cancel_again_later() {
  if (!requests_.empty() && requests_.front()->interrupted) {
    cancelling_again_ = loop_.call_later(pause_between_cancels, [this] { send_cancel(); });
  }
}

void postgres_wire::tell_quiet() {
  if (idle()) {
    quiet_.set();
  }
}

deferred<void> postgres_wire::settle(std::shared_ptr<postgres_wire> settled) {
  const auto underway = settled->requests_;
  for (const auto& each : underway) {
    if (each->kind != request_kind::commit) {
      settled->interrupt(*each);
    }
  }
  while (!settled->idle() && !settled->broken()) {
    settled->quiet_.clear();
    co_await settled->quiet_.wait();
  }
}

bool postgres_wire::in_transaction() const noexcept {
  if (broken()) {
    return false;
  }
  const PGTransactionStatusType status = PQtransactionStatus(connection_.get());
  return transaction_open_ || (idle() && (status == PQTRANS_INTRANS || status == PQTRANS_INERROR));
}

error postgres_wire::unanswered(const postgres_request& request, const std::string& why) {
  const bool unknown =
      request.kind == request_kind::commit || (!request.in_transaction && request.kind != request_kind::begin);
  const std::string last = request.why_not ? request.why_not->message() : why;
  if (unknown) {
    return {
        failed::outcome_unknown,
        fmt::format("the connection to PostgreSQL broke before \"{}\" was answered ({}): it may have been done or not; "
                    "look, or repeat it if that does no harm",
                    request.asked.text.text, last)};
  }
  return {errc::connection_lost, fmt::format("the connection to PostgreSQL broke, and the transaction was rolled back "
                                             "({}); repeat it",
                                             last)};
}

void postgres_wire::lost(const std::string& why) {
  if (broken()) {
    return;
  }
  reading_.reset();
  writing_.reset();
  giving_up_.cancel();
  cancelling_again_.cancel();
  connection_.reset();
  const auto unfinished = std::exchange(requests_, {});
  for (const auto& each : unfinished) {
    if (!each->why_not || each->fatal) {
      each->why_not = unanswered(*each, why);
    }
    each->over = true;
    each->news.set();
  }
  quiet_.set();
  gone_.set();
}

PGconn* postgres_wire::lent() const {
  if (broken()) {
    throw error(errc::connection_lost, "the connection to PostgreSQL broke in the middle of a COPY");
  }
  return connection_.get();
}

PGconn* postgres_wire::lend() {
  if (broken() || !idle() || PQexitPipelineMode(connection_.get()) == 0) {
    throw error(errc::conflict, "COPY needs a connection on which nothing is underway: await what is, or take another");
  }
  reading_.reset();
  writing_.reset();
  lent_ = true;
  return connection_.get();
}

void postgres_wire::take_back() {
  lent_ = false;
  if (!broken() && PQenterPipelineMode(connection_.get()) == 0) {
    lost("it was left in the middle of a COPY");
  }
  if (!broken()) {
    watch_reading();
    tell_quiet();
  }
}

}  // namespace whorl::db::detail

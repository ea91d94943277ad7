#include <whorl/web/client.h>

#include <whorl/net/endpoint.h>
#include <whorl/protocols/http1_writer.h>
#include <whorl/reactor/reactor.h>
#include <whorl/reactor/within.h>

#include <limits>
#include <optional>
#include <utility>

#include "web/url.h"

namespace whorl::web {

struct open_response::state {
  state(stream opened, http::answer_to asked, std::string its_url)
      : connection(std::move(opened)), parser(asked, limits()), url(std::move(its_url)) {}
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() {
    if (!ended) connection.abort();
  }

  static http::message_limits limits() {
    http::message_limits generous;
    generous.head_bytes = 64 * 1024;
    generous.body_bytes = std::numeric_limits<std::uint64_t>::max();
    return generous;
  }

  http::parsed advance() {
    std::string_view unread = std::string_view(input).substr(taken_bytes);
    const http::parsed event = parser.advance(unread);
    taken_bytes = input.size() - unread.size();
    return event;
  }

  // Some bytes came; none: the end of the connection.
  http::parsed came(std::string bytes) {
    if (bytes.empty()) return parser.finish();
    input = std::move(bytes);
    taken_bytes = 0;
    return http::parsed::needs_more;
  }

  error broken(errc code) const {
    return error(code, "the response of " + url + " cannot be read: " + parser.refused().what);
  }

  stream connection;
  http::response_parser parser;
  std::string url;
  http::response_head head;
  std::string input;
  std::size_t taken_bytes = 0;
  deferred<void> sending = succeed();
  bool ended = false;
};

namespace {

using shared_response = std::shared_ptr<open_response::state>;

std::string request_text(const client_request& request, const url_parts& where) {
  http::headers headers;
  headers.add("Host", where.host);
  headers.add("Connection", "close");
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    headers.add("Content-Length", std::to_string(request.body.size()));
  }
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    headers.add(request.headers[i].name, request.headers[i].value);
  }
  std::string text;
  http::append_request_head(text, request.method, where.target, headers);
  return text.append(request.body);
}

// The next event of the response; needs_more is never one.
deferred<http::parsed> next_event(shared_response from) {
  http::parsed event = from->advance();
  while (event == http::parsed::needs_more) {
    std::string bytes = co_await from->connection.read();
    const bool ended = bytes.empty();
    event = from->came(std::move(bytes));
    if (event == http::parsed::needs_more) event = from->advance();
    if (ended && event == http::parsed::refused) co_return std::unexpected(from->broken(errc::connection_lost));
  }
  if (event == http::parsed::refused) co_return std::unexpected(from->broken(errc::bad_input));
  co_return event;
}

deferred<std::string> read_body(shared_response from) {
  if (from->ended) co_return std::string();
  const http::parsed event = co_await next_event(from);
  from->ended = event == http::parsed::end;
  co_return std::string(from->parser.body());
}

// An answer may come before the request is sent in full, and nobody reads the rest: so both go on at once.
void begin_sending(open_response::state& to, std::string request) {
  to.sending = to.connection.write(std::move(request)).add_errback([](const failure& /*reading tells*/) {});
}

deferred<shared_response> open_now(reactor& loop, std::string url, client_request request) {
  auto where = parse_url(url);
  if (!where) co_return std::unexpected(where.error());
  if (!http::valid_token(request.method)) {
    co_return std::unexpected(
        error(errc::bad_input, "\"" + request.method + "\" is no method of HTTP; use GET or such"));
  }
  stream connection = co_await connect(loop, where->endpoint);
  const auto asked = request.method == "HEAD" ? http::answer_to::head_request : http::answer_to::other_request;
  auto opened = std::make_shared<open_response::state>(std::move(connection), asked, std::move(url));
  begin_sending(*opened, request_text(request, *where));
  co_await next_event(opened);
  opened->head = std::move(opened->parser.head());
  co_return opened;
}

deferred<client_response> fetch_now(reactor& loop, std::string url, client_request request) {
  const std::size_t most_bytes = request.body_limit_bytes;
  shared_response opened = co_await open_now(loop, std::move(url), std::move(request));
  client_response whole;
  whole.status = opened->head.status;
  whole.headers = std::move(opened->head.fields);
  while (!opened->ended) {
    std::string piece = co_await read_body(opened);
    if (whole.body.size() + piece.size() > most_bytes) {
      co_return std::unexpected(error(errc::too_large, "the response of " + opened->url + " is larger than " +
                                                           std::to_string(most_bytes) +
                                                           " bytes; raise body_limit_bytes or read it in pieces"));
    }
    whole.body.append(piece);
  }
  co_return whole;
}

}  // namespace

open_response::open_response(std::shared_ptr<state> state) noexcept : state_(std::move(state)) {}
open_response::open_response(open_response&&) noexcept = default;
open_response& open_response::operator=(open_response&&) noexcept = default;
open_response::~open_response() = default;

int open_response::status() const noexcept { return state_->head.status; }
const http::headers& open_response::headers() const noexcept { return state_->head.fields; }
deferred<std::string> open_response::read() { return read_body(state_); }

deferred<open_response> open(reactor& loop, std::string url, client_request request) {
  const duration limit = request.time_limit;
  auto opened = within(loop, open_now(loop, std::move(url), std::move(request)), limit);
  return std::move(opened).add_callback([](shared_response state) { return open_response(std::move(state)); });
}

deferred<client_response> fetch(reactor& loop, std::string url, client_request request) {
  const duration limit = request.time_limit;
  return within(loop, fetch_now(loop, std::move(url), std::move(request)), limit);
}

}  // namespace whorl::web

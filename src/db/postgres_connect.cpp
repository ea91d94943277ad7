#include "db/postgres_error.h"
#include "db/postgres_wire.h"

#include <whorl/deferred/log.h>
#include <whorl/places/defer_to_thread.h>
#include <whorl/reactor/within.h>

#include <fmt/format.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <map>
#include <regex>

namespace whorl::db::detail {

namespace {

using settings = std::map<std::string, std::string>;

settings read_conninfo(const std::string& conninfo) {
  char* why = nullptr;
  PQconninfoOption* const options = PQconninfoParse(conninfo.c_str(), &why);
  if (options == nullptr) {
    const std::string words = why == nullptr ? "out of memory" : why;
    PQfreemem(why);
    throw error(errc::bad_input,
                fmt::format("the conninfo of a PostgreSQL database cannot be read: {}; write it as \"host=... "
                            "dbname=... user=...\" or as \"postgresql://user@host/dbname\"",
                            words.substr(0, words.find_last_not_of('\n') + 1)));
  }
  settings read;
  for (const PQconninfoOption* each = options; each->keyword != nullptr; ++each) {
    if (each->val != nullptr) {
      read.emplace(each->keyword, each->val);
    }
  }
  PQconninfoFree(options);
  return read;
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

// The name that libpq would look up, while the loop stood still.
std::string name_to_look_up(const settings& of) {
  if (of.contains("hostaddr") || (!of.contains("host") && std::getenv("PGHOSTADDR") != nullptr)) {
    return {};
  }
  const char* const from_environment = std::getenv("PGHOST");
  const auto given = of.find("host");
  std::string host = given != of.end() ? given->second : from_environment == nullptr ? "" : from_environment;
  if (host.empty() || host.front() == '/' || host.front() == '@' || is_address(host)) {
    return {};
  }
  if (host.find(',') != std::string::npos) {
    throw error(
        errc::unsupported,
        fmt::format("PostgreSQL host \"{}\" is several, and libpq would look their names up while the loop stood "
                    "still: give one, or all their addresses too (hostaddr=...)",
                    host));
  }
  return host;
}

std::string look_up(may_block& /*wait*/, std::string host) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &wanted, &found);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
  std::array<char, NI_MAXHOST> text{};
  if (code != 0 ||
      ::getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
    throw error(errc::connection_lost, fmt::format("PostgreSQL host \"{}\" has no address: {}", host,
                                                   code == 0 ? "it cannot be written" : ::gai_strerror(code)));
  }
  return text.data();
}

void log_notice(void* /*unused*/, const char* message) {
  const std::string_view words(message);
  log(log_level::info, "PostgreSQL says", {{"notice", std::string(words.substr(0, words.find_last_not_of('\n') + 1))}});
}

// With PQERRORS_VERBOSE a server's refusal reads "...FATAL:  57P03: the database system is starting up\nLOCATION: ...".
error refusal(const PGconn* connection) {
  const std::string words = words_of(connection);
  static const std::regex with_state(":  ([0-9A-Z]{5}): ");
  std::smatch found;
  const std::string told = fmt::format("connect to PostgreSQL: {}", words.substr(0, words.find(" LOCATION:")));
  if (std::regex_search(words, found, with_state)) {
    return {sqlstate_code(found[1].str()), told};
  }
  return {errc::connection_lost, told};
}

postgres_handle start_connecting(const settings& with) {
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, text] : with) {
    keywords.push_back(keyword.c_str());
    values.push_back(text.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  postgres_handle started(PQconnectStartParams(keywords.data(), values.data(), 0));
  if (started == nullptr) {
    throw std::bad_alloc();
  }
  PQsetErrorVerbosity(started.get(), PQERRORS_VERBOSE);
  PQsetNoticeProcessor(started.get(), log_notice, nullptr);
  return started;
}

deferred<postgres_handle> connect_by(reactor* loop, std::string conninfo) {
  settings with = read_conninfo(conninfo);
  with.try_emplace("client_encoding", "UTF8");
  with.try_emplace("fallback_application_name", "whorl");
  const std::string name = name_to_look_up(with);
  if (!name.empty()) {
    auto address = co_await defer_to_thread(look_up, name);
    with["hostaddr"] = address;
  }
  postgres_handle made = start_connecting(with);
  PostgresPollingStatusType wants =
      PQstatus(made.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (wants == PGRES_POLLING_WRITING || wants == PGRES_POLLING_READING) {
    auto ready =
        wants == PGRES_POLLING_WRITING ? loop->writable(PQsocket(made.get())) : loop->readable(PQsocket(made.get()));
    co_await std::move(ready);
    wants = PQconnectPoll(made.get());
  }
  if (wants != PGRES_POLLING_OK) {
    throw refusal(made.get());
  }
  PQsetErrorVerbosity(made.get(), PQERRORS_DEFAULT);
  co_return made;
}

}  // namespace

deferred<postgres_handle> connect_postgres(reactor& loop, std::string conninfo, duration limit) {
  return within(loop, connect_by(&loop, std::move(conninfo)), limit);
}

}  // namespace whorl::db::detail

#include "cli/api_client.h"

#include <whorl/places/defer_to_thread.h>
#include <whorl/web/client.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace whorl::cli {

namespace {

using std::chrono::milliseconds;

std::string objection_of(int status, const std::string& body) {
  auto said = parse_value(body);
  const value* what = said ? said->find("error") : nullptr;
  if (what == nullptr) {
    return fmt::format("the server answered with status {}", status);
  }
  std::string text = what->as_text();
  const value* where = said->find("where");
  const value* hint = said->find("hint");
  if (where != nullptr) {
    text += fmt::format(" (at {})", where->as_text());
  }
  if (hint != nullptr) {
    text += "\nhint: " + hint->as_text();
  }
  return text;
}

error nobody_answers(const std::string& server, const error& why) {
  return error(why.code(),
               fmt::format("{} does not answer: {}\nhint: start one with: whorl serve", server, why.what()));
}

result<int> append_to(may_block& /*wait*/, const std::string& path, const std::string& piece, int flags) {
  const unique_fd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0666));
  std::size_t written = 0;
  while (file && written < piece.size()) {
    const auto put = ::write(file.get(), piece.data() + written, piece.size() - written);
    if (put < 0 && errno != EINTR) {
      break;
    }
    written += static_cast<std::size_t>(std::max<ssize_t>(put, 0));
  }
  if (!file || written < piece.size()) {
    return std::unexpected(error::system(errno, fmt::format("write \"{}\"", path)));
  }
  return 0;
}

result<int> rename_file(may_block& /*wait*/, const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return std::unexpected(error::system(errno, fmt::format("rename \"{}\" to \"{}\"", from, to)));
  }
  return 0;
}

}  // namespace

api_client::api_client(reactor& loop, std::string server) : loop_(loop), server_(std::move(server)) {
  while (server_.ends_with('/')) {
    server_.pop_back();
  }
}

deferred<value> api_client::ask(std::string method, std::string path, std::string body) {
  web::client_request request;
  request.method = std::move(method);
  if (!body.empty()) {
    request.headers.add("Content-Type", "application/json");
  }
  request.body = std::move(body);
  auto answer = co_await web::fetch(loop_, server_ + path, std::move(request)).result();
  if (!answer) {
    throw nobody_answers(server_, answer.error());
  }
  if (answer->status >= 400) {
    throw error(errc::bad_input, objection_of(answer->status, answer->body));
  }
  auto said = parse_value(answer->body);
  if (!said) {
    throw error(errc::bad_input, fmt::format("{} answered what is no JSON; is it a whorl server?", server_));
  }
  co_return std::move(*said);
}

deferred<value> api_client::get(std::string path) { return ask("GET", std::move(path), ""); }

deferred<value> api_client::submit(std::string calc, value arguments) {
  value job;
  job.set("calc", std::move(calc)).set("args", std::move(arguments));
  return ask("POST", "/jobs", to_text(job));
}

deferred<value> api_client::cancel(std::string id) { return ask("DELETE", "/jobs/" + id, ""); }

deferred<value> api_client::wait_for(std::string id, std::function<void(const value& job)> seen) {
  auto pause = milliseconds(5);
  constexpr auto longest_pause = milliseconds(200);
  while (true) {
    auto job = co_await ask("GET", "/jobs/" + id, "");
    seen(job);
    const std::string& state = job.find("state")->as_text();
    if (state != "queued" && state != "running") {
      co_return job;
    }
    co_await loop_.sleep(pause);
    pause = std::min(pause * 2, longest_pause);
  }
}

deferred<std::string> api_client::table_head(std::string id, int rows) {
  auto answer = co_await web::fetch(loop_, fmt::format("{}/jobs/{}/result?rows={}", server_, id, rows));
  if (answer.status >= 400) {
    throw error(errc::bad_input, objection_of(answer.status, answer.body));
  }
  co_return std::move(answer.body);
}

deferred<void> api_client::save_result(std::string id, std::filesystem::path file) {
  auto answer = co_await web::open(loop_, fmt::format("{}/jobs/{}/result", server_, id)).result();
  if (!answer) {
    throw nobody_answers(server_, answer.error());
  }
  if (answer->status() >= 400) {
    std::string body = co_await answer->read();
    throw error(errc::bad_input, objection_of(answer->status(), body));
  }
  const std::string unfinished = file.string() + ".part";
  int flags = O_CREAT | O_TRUNC;
  bool more = true;
  while (more) {
    std::string piece = co_await answer->read();
    more = !piece.empty();
    co_await defer_to_thread(append_to, unfinished, std::move(piece), flags);
    flags = 0;
  }
  co_await defer_to_thread(rename_file, unfinished, file.string());
}

}  // namespace whorl::cli

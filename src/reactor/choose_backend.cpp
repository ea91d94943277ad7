#include "reactor/choose_backend.h"

#include <whorl/deferred/log.h>

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

namespace whorl {

namespace {

std::unique_ptr<backend> value_or_throw(result<std::unique_ptr<backend>> made) {
  if (!made) {
    throw error(made.error());
  }
  return std::move(*made);
}

}  // namespace

std::unique_ptr<backend> choose_backend() {
  const char* set = std::getenv("WHORL_BACKEND");  // NOLINT(concurrency-mt-unsafe): whorl never writes the environment
  const std::string_view wanted = set == nullptr ? "" : set;
  if (wanted == "uring") {
    return value_or_throw(make_uring_backend());
  }
  if (wanted == "epoll") {
    return value_or_throw(make_epoll_backend());
  }
  if (!wanted.empty()) {
    throw error(errc::bad_input,
                fmt::format("WHORL_BACKEND=\"{}\" names no back end: set it to uring or epoll, or unset it", wanted));
  }
  auto uring = make_uring_backend();
  if (uring) {
    return std::move(*uring);
  }
  log(log_level::info, "using epoll, because io_uring is not to be had", {{"why", uring.error().message()}});
  return value_or_throw(make_epoll_backend());
}

}  // namespace whorl

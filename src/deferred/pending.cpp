#include <whorl/deferred/core.h>

#include <fmt/format.h>

#include <algorithm>

namespace whorl {

namespace {

std::string place(const std::source_location& at) {
  return at.line() == 0 ? std::string() : fmt::format(" in {} ({}:{})", at.function_name(), at.file_name(), at.line());
}

}  // namespace

std::string async_stack::describe() const {
  std::string text;
  for (const async_frame& each : frames_) {
    text += fmt::format("{}{}{}", text.empty() ? "" : "\n  ", each.what, place(each.at));
  }
  return text;
}

std::string pending_wait::describe() const {
  return fmt::format("waits {:.3f} s for {}", std::chrono::duration<double>(waiting).count(), stack.describe());
}

std::vector<pending_wait> pending_outside_loops() {
  return detail::pending_list::describe(detail::this_thread.pending, detail::this_thread.now);
}

namespace detail {

async_stack node::stack() const {
  const node* innermost = this;
  while (innermost->waited_ != nullptr) {
    innermost = innermost->waited_;
  }
  std::vector<async_frame> frames;
  for (const node* at = innermost; at != nullptr; at = at->outward()) {
    frames.push_back(at->frame());
  }
  return async_stack(std::move(frames));
}

std::vector<pending_wait> pending_list::describe(const pending_link* first, std::int64_t now) {
  std::vector<pending_wait> all;
  for (const pending_link* at = first; at != nullptr; at = at->next_) {
    all.push_back({at->promise_.stack(), std::chrono::nanoseconds(now - at->since_)});
  }
  std::ranges::reverse(all);
  return all;
}

pending_list::~pending_list() {
  while (first_ != nullptr) {
    pending_link& moved = *first_;
    moved.leave();
    moved.enter(this_thread.pending);
  }
}

}  // namespace detail
}  // namespace whorl

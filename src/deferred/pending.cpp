#include <whorl/deferred/core.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

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

namespace {

constexpr std::size_t most_frames_elsewhere = 32;

// A node as it was when it was read.
class node_picture {
 public:
  bool take(const node* at, memory_reader read) { return read(at, bytes_.data(), bytes_.size()); }

  template <class Field>
  Field field(std::size_t offset) const noexcept {
    Field copy;
    // NOLINTNEXTLINE(bugprone-sizeof-expression): pointers too are read as they stand
    std::memcpy(static_cast<void*>(&copy), bytes_.data() + offset, sizeof copy);
    return copy;
  }

 private:
  std::array<std::byte, sizeof(node)> bytes_{};
};

}  // namespace

// Each node must wait for the one before, as those do that are still there.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
async_stack node::stack_elsewhere(const node* innermost, memory_reader read) {
  std::vector<async_frame> frames;
  const node* before = nullptr;
  node_picture picture;
  for (const node* at = innermost; at != nullptr && frames.size() < most_frames_elsewhere;) {
    if (!picture.take(at, read) || picture.field<const node*>(offsetof(node, waited_)) != before) {
      break;
    }
    const bool coroutine = picture.field<void*>(offsetof(node, frame_)) != nullptr;
    const auto where = picture.field<std::source_location>(offsetof(node, at_));
    frames.push_back({coroutine ? "awaited" : "a callback added", where});
    before = std::exchange(at, picture.field<const node*>(offsetof(node, waiter_)));
  }
  return async_stack(std::move(frames));
}
#pragma GCC diagnostic pop

namespace {

// Null: nothing runs there, or its thread is gone.
const node* running_on(const thread_state& there, memory_reader read) {
  std::uintptr_t running = 0;
  const auto* at = reinterpret_cast<const std::byte*>(&there) + offsetof(thread_state, running);
  return read(at, &running, sizeof running) ? reinterpret_cast<const node*>(running) : nullptr;
}

}  // namespace

async_stack running_stack(const void* thread_mark, memory_reader read) {
  const auto& there = *static_cast<const thread_state*>(thread_mark);
  const node* running = running_on(there, read);
  async_stack seen = node::stack_elsewhere(running, read);
  return running_on(there, read) == running ? seen : async_stack({});
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

// command::output and check_output: a child's whole output, as one deferred.

#include <whorl/process/child.h>
#include <whorl/process/command.h>
#include <whorl/reactor/reactor.h>

#include <whorl/deferred/event.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string_view>

namespace whorl::process {

namespace {

constexpr duration for_what_is_underway = std::chrono::milliseconds(100);  // when a child was stopped
constexpr std::size_t quoted_bytes = 400;                                  // of standard error, in a message

// The end of what a program said about itself, for a message.
std::string last_words(const captured_output& got) {
  std::string_view said = got.err;
  said.remove_prefix(said.size() > quoted_bytes ? said.size() - quoted_bytes : 0);
  while (said.ends_with('\n')) {
    said.remove_suffix(1);
  }
  return said.empty() ? "" : fmt::format(": {}", said);
}

error failure_of(failed how, const std::string& program, const captured_output& got) {
  return {make_error_code(how), fmt::format("\"{}\" {}{}", program, got.status.to_string(), last_words(got))};
}

}  // namespace

// Shared by the child's protocol and by the coroutine that waits for its end.
struct command::collecting {
  std::string program;
  std::size_t limit_bytes;
  duration grace;
  captured_output got{.out = {}, .err = {}, .status = exit_status::unknown()};
  child* running = nullptr;  // until it has ended
  std::optional<error> why;  // it was stopped
  delayed_call limit;
  event ended;

  void stop(error reason) {
    if (why || running == nullptr) return;
    why = std::move(reason);
    running->end_on_exit(for_what_is_underway);
    running->stop(grace);
  }

  void time_is_over(duration most) {
    stop(error(errc::timed_out, fmt::format("\"{}\" was stopped: it ran longer than its time limit of {} s", program,
                                            std::chrono::duration<double>(most).count())));
  }
};

struct command::collector final : process_protocol {
  explicit collector(std::shared_ptr<collecting> shared) : into(std::move(shared)) {}

  void process_started(child& started) override { into->running = &started; }

  void output_received(int fd, bytes_view bytes) override {
    if (fd != 1 && fd != 2) return;
    std::string& kept = fd == 1 ? into->got.out : into->got.err;
    const std::size_t room = into->limit_bytes - kept.size();
    kept.append(reinterpret_cast<const char*>(bytes.data()), std::min(room, bytes.size()));
    if (bytes.size() > room) {
      into->stop(error(errc::too_large, fmt::format("\"{}\" was stopped: it wrote more than its limit of {} bytes to "
                                                    "descriptor {}",
                                                    into->program, into->limit_bytes, fd)));
    }
  }

  void process_ended(const exit_status& how) override {
    into->got.status = how;
    into->running = nullptr;
    into->limit.cancel();
    into->ended.set();
  }

  std::shared_ptr<collecting> into;
};

// The child of a coroutine that was dropped, or cancelled for the second time.
struct command::kill_when_dropped {
  explicit kill_when_dropped(std::shared_ptr<collecting> shared) : of(std::move(shared)) {}
  kill_when_dropped(const kill_when_dropped&) = delete;
  kill_when_dropped& operator=(const kill_when_dropped&) = delete;
  ~kill_when_dropped() {
    if (of->running == nullptr) return;
    of->running->end_on_exit(duration::zero());
    if (!of->running->signal_group(SIGKILL)) {
      (void)of->running->signal(SIGKILL);
    }
  }

  std::shared_ptr<collecting> of;
};

deferred<captured_output> command::collect(std::shared_ptr<collecting> into) {
  const kill_when_dropped guard(into);
  const result<void> ended = co_await into->ended.wait().result();
  if (!ended) {
    into->stop(ended.error());
    co_await into->ended.wait();
    co_return std::unexpected(ended.error());
  }
  if (into->why) co_return std::unexpected(*into->why);
  const exit_status& how = into->got.status;
  if (!how.known()) co_return std::unexpected(failure_of(failed::with_unknown_status, into->program, into->got));
  if (how.signal()) co_return std::unexpected(failure_of(failed::by_signal, into->program, into->got));
  co_return std::move(into->got);
}

deferred<captured_output> command::output(reactor& loop) const {
  command asked = *this;
  auto& wires = asked.described_.wires;
  const auto typed_at = wires.find(0);
  if (!input_) {
    wires.try_emplace(0, wire::null());
  } else if (typed_at == wires.end() || typed_at->second.what() != wire::kind::terminal) {
    wires.insert_or_assign(0, wire::to_child());
  }

  auto into = std::make_shared<collecting>();
  into->program = described_.program;
  into->limit_bytes = output_limit_bytes_;
  into->grace = grace_;
  auto made = asked.spawn(loop, std::make_unique<collector>(into));
  if (!made) return fail<captured_output>(made.error());
  if (input_) {
    (*made)->write(0, *input_);
    (*made)->close(0);
  }
  if (time_limit_) {
    into->limit = loop.call_later(*time_limit_, [into = into.get(), most = *time_limit_] { into->time_is_over(most); });
  }
  return collect(std::move(into));
}

deferred<std::string> command::check_output(reactor& loop) const {
  return output(loop).add_callback([program = described_.program](captured_output got) -> result<std::string> {
    if (!got.status.succeeded()) return std::unexpected(failure_of(failed::with_exit_code, program, got));
    if (!got.err.empty()) return std::unexpected(failure_of(failed::with_error_output, program, got));
    return std::move(got.out);
  });
}

}  // namespace whorl::process

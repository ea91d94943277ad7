#include "process/child_process.h"

#include <whorl/deferred/log.h>
#include <whorl/guard/permit_blocking.h>

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include "reactor/real_time_exempt.h"

namespace whorl::process {

namespace {

constexpr duration look_again_after = std::chrono::milliseconds(10);
constexpr int reap_milliseconds = 1000;

duration duration_of(const timeval& time) noexcept {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

exit_status status_of(const siginfo_t& how, const rusage& used) noexcept {
  const resource_use use{.user_time = duration_of(used.ru_utime),
                         .system_time = duration_of(used.ru_stime),
                         .peak_resident_bytes = static_cast<std::uint64_t>(used.ru_maxrss) * 1024,
                         .page_faults = static_cast<std::uint64_t>(used.ru_majflt)};
  switch (how.si_code) {
    case CLD_EXITED: return exit_status::exited(how.si_status, use);
    case CLD_DUMPED: return exit_status::dumped_core(how.si_status, use);
    default: return exit_status::killed(how.si_status, use);
  }
}

template <class Pipes>
auto& find(Pipes& pipes, int fd, const char* doing, const std::string& program) {
  const auto found = pipes.find(fd);
  if (found == pipes.end()) {
    throw misuse(fmt::format("{} descriptor {} of \"{}\": there is no such pipe; wire it so with command::descriptor",
                             doing, fd, program));
  }
  return found->second;
}

}  // namespace

result<child*> child_process::open(reactor& loop, const description& wanted, launched_child launched,
                                   std::unique_ptr<process_protocol> protocol) {
  child_process& made =
      *loop.adopt(std::make_unique<child_process>(loop, wanted, std::move(launched), std::move(protocol)));
  if (auto armed = made.exit_.arm(loop.io(), made.pidfd_.get(), readiness::readable); !armed) {
    loop.dispose(made);
    return std::unexpected(armed.error());
  }
  made.started_ = true;
  made.guarded([&] { made.protocol_->process_started(made); });
  return &made;
}

child_process::child_process(reactor& loop, const description& wanted, launched_child launched,
                             std::unique_ptr<process_protocol> protocol)
    : loop_(loop),
      protocol_(std::move(protocol)),
      program_(wanted.program),
      pid_(launched.started.pid),
      pidfd_(std::move(launched.started.pidfd)),
      exit_([this]() noexcept { exit_noticed(); }),
      end_on_exit_(wanted.end_on_exit),
      leads_group_(wanted.process_group != description::group::ours),
      ends_group_(wanted.ends_group) {
  pipe_owner& owner = *this;
  for (our_end& end : launched.ours) {
    if (end.how == our_end::use::reading) {
      outputs_.emplace(end.child_fd, std::make_unique<output_pipe>(owner, end.child_fd, std::move(end.fd)));
    } else {
      const bool typing = end.how == our_end::use::typing;
      is_terminal_ = is_terminal_ || typing;
      const auto kind = typing ? input_pipe::kind::terminal : input_pipe::kind::pipe;
      inputs_.emplace(end.child_fd, input{.pipe = std::make_unique<input_pipe>(owner, kind, std::move(end.fd))});
    }
  }
  leads_group_ = leads_group_ || is_terminal_;
}

child_process::~child_process() {
  if (ended_) return;
  kill_and_reap();
  if (!started_) return;
  end_pipes();
  settle();
}

void child_process::write(int fd, std::string bytes) {
  loop_.require_this_thread("child::write");
  if (input_pipe* pipe = find(inputs_, fd, "write to", program_).pipe.get()) {
    pipe->write(std::move(bytes));
  }
}

std::size_t child_process::unsent_bytes(int fd) const {
  loop_.require_this_thread("child::unsent_bytes");
  const input_pipe* pipe = find(inputs_, fd, "ask about", program_).pipe.get();
  return pipe == nullptr ? 0 : pipe->unsent_bytes();
}

result<void> child_process::resize_terminal(terminal_size size) {
  loop_.require_this_thread("child::resize_terminal");
  const std::string doing = fmt::format("resize the terminal of \"{}\"", program_);
  if (!is_terminal_) {
    return std::unexpected(error(errc::unsupported, doing + ": it has none; make it one with command::terminal()"));
  }
  const auto& pipe = outputs_.at(1);
  if (!pipe) return std::unexpected(error(errc::closed, doing + ": our end of it is closed"));
  if (const int failed = pipe->resize_terminal(size); failed != 0) {
    return std::unexpected(error::system(failed, doing));
  }
  return {};
}

void child_process::close(int fd) {
  loop_.require_this_thread("child::close");
  if (const auto written = inputs_.find(fd); written != inputs_.end()) {
    if (written->second.pipe) written->second.pipe->close();
  } else if (output_pipe* pipe = find(outputs_, fd, "close", program_).get()) {
    pipe->end();
  }
}

void child_process::pause_producing(int fd) {
  loop_.require_this_thread("child::pause_producing");
  if (output_pipe* pipe = find(outputs_, fd, "pause", program_).get()) {
    pipe->pause();
  }
}

void child_process::resume_producing(int fd) {
  loop_.require_this_thread("child::resume_producing");
  if (output_pipe* pipe = find(outputs_, fd, "resume", program_).get()) {
    pipe->resume();
  }
}

result<void> child_process::signal(int number) {
  loop_.require_this_thread("child::signal");
  return send(number, false);
}

result<void> child_process::signal_group(int number) {
  loop_.require_this_thread("child::signal_group");
  if (!leads_group_) {
    return std::unexpected(
        error(errc::unsupported, fmt::format("signal the process group of \"{}\": it is this program's too; give the "
                                             "child its own with command::own_process_group",
                                             program_)));
  }
  return send(number, true);
}

// The kernel lets a dead child that nobody has waited for be signalled; and as long as that lasts, its number is no other
// group's.
result<void> child_process::send(int number, bool to_group) {
  const std::string doing = fmt::format("send signal {} to \"{}\", process {}", number, program_, pid_);
  if (status_ || reap()) {
    return std::unexpected(error::system(ESRCH, doing, "it has exited already"));
  }
  const detail::real_time_exempt because("a signal is sent and not waited for");
  const long sent =
      to_group ? ::kill(-pid_, number) : ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
  if (sent != 0) return std::unexpected(error::system(errno, doing));
  return {};
}

void child_process::ask_to_end(int number) noexcept {
  if (auto sent = send(number, leads_group_); !sent && sent.error().code() != std::errc::no_such_process) {
    log(log_level::warning, "a child process cannot be stopped", {{"why", sent.error().message()}});
  }
}

void child_process::stop(duration grace) {
  loop_.require_this_thread("child::stop");
  if (status_) return;
  ask_to_end(SIGTERM);
  killing_ = loop_.call_later(grace, [this] { ask_to_end(SIGKILL); });
}

void child_process::end_on_exit(duration grace) {
  loop_.require_this_thread("child::end_on_exit");
  end_on_exit_ = grace;
  if (exit_told_) count_grace();
}

void child_process::count_grace() noexcept {
  grace_ = loop_.call_later(*end_on_exit_, [this] { end_pipes(); });
}

void child_process::end_pipes() noexcept {
  for (auto& [fd, pipe] : outputs_) {
    if (pipe) pipe->drain();
  }
  for (auto& [fd, each] : inputs_) {
    if (each.pipe) each.pipe->end();
  }
}

// A debugger may know of a death before we may wait for it.
void child_process::exit_noticed() noexcept {
  if (!reap()) {
    looking_again_ = loop_.call_later(look_again_after, [this] { exit_noticed(); });
  }
}

// Nobody is interrupted by this, nor disturbed who waits for children of his own: it asks about this one (S101).
bool child_process::reap() noexcept {
  if (status_) return true;
  if (ends_group_) end_group();
  siginfo_t how{};
  rusage used{};
  long failed = 0;
  const detail::real_time_exempt because("it asks and does not wait: WNOHANG");
  do {
    failed = ::syscall(SYS_waitid, P_PIDFD, pidfd_.get(), &how, WEXITED | WNOHANG, &used);
  } while (failed != 0 && errno == EINTR);
  if (failed == 0 && how.si_pid == 0) return false;
  status_ = failed == 0 ? status_of(how, used) : exit_status::unknown();
  exit_.disarm();
  killing_.cancel();
  settle_later();
  return true;
}

// While it is dead and nobody has waited for it, its number is no other group's.
void child_process::end_group() const noexcept {
  siginfo_t how{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &how, WEXITED | WNOHANG | WNOWAIT) == 0 && how.si_pid != 0) {
    ::kill(-pid_, SIGKILL);
  }
}

// Bounded, because a process that waits for a broken disk cannot even be killed.
void child_process::kill_and_reap() noexcept {
  if (status_ || reap()) return;
  ask_to_end(SIGKILL);
  const permit_blocking because("a child that was killed ends within moments, or is given up after a second");
  pollfd dead{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  ::poll(&dead, 1, reap_milliseconds);
  if (!reap()) {
    exit_.disarm();
    status_ = exit_status::unknown();
  }
}

template <class Event>
bool child_process::guarded(Event event) noexcept {
  try {
    event();
    return true;
  } catch (...) {
    log(log_level::error, "an event of a process protocol threw",
        {{"program", program_}, {"failure", failure::current().describe()}});
    return false;
  }
}

void child_process::output_came(int child_fd, bytes_view bytes) noexcept {
  if (!guarded([&] { protocol_->output_received(child_fd, bytes); })) {
    outputs_.at(child_fd)->end();
  }
}

void child_process::settle_later() noexcept {
  if (!settling_.active()) {
    settling_ = loop_.call_later(duration::zero(), [this] { settle(); });
  }
}

void child_process::settle() noexcept {
  settle_exit();
  settle_outputs();
  settle_inputs();
  if (status_ && exit_told_ && everything_closed() && !std::exchange(ended_, true)) {
    settling_.cancel();
    guarded([&] { protocol_->process_ended(*status_); });
    loop_.dispose(*this);
  }
}

void child_process::settle_exit() noexcept {
  if (!status_ || std::exchange(exit_told_, true)) return;
  guarded([&] { protocol_->process_exited(*status_); });
  if (end_on_exit_) count_grace();
}

// When nobody has a terminal open any more, nothing can be typed either.
void child_process::settle_outputs() noexcept {
  for (auto& [fd, pipe] : outputs_) {
    if (!pipe || !pipe->ended()) continue;
    pipe.reset();
    if (is_terminal_ && fd == 1 && inputs_.at(0).pipe) {
      inputs_.at(0).pipe->end();
    }
    guarded([&] { protocol_->output_ended(fd); });
  }
}

void child_process::settle_inputs() noexcept {
  for (auto& [fd, each] : inputs_) {
    if (!each.pipe) continue;
    each.pipe->flush();
    if (each.pipe->ended()) {
      each.pipe.reset();
      guarded([&] { protocol_->input_ended(fd); });
    } else {
      tell_marks(fd, each);
    }
  }
}

void child_process::tell_marks(int fd, input& at) noexcept {
  const std::size_t unsent = at.pipe->unsent_bytes();
  if (!at.paused && unsent >= high_water_bytes) {
    at.paused = true;
    guarded([&] { protocol_->writing_paused(fd); });
  } else if (at.paused && unsent <= low_water_bytes) {
    at.paused = false;
    guarded([&] { protocol_->writing_resumed(fd); });
  }
}

bool child_process::everything_closed() const noexcept {
  return std::ranges::all_of(outputs_, [](const auto& each) { return !each.second; }) &&
         std::ranges::all_of(inputs_, [](const auto& each) { return !each.second.pipe; });
}

}  // namespace whorl::process

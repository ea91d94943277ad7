#include "process/pool_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string_view>
#include <utility>

namespace whorl::process {

namespace {

constexpr std::size_t quoted_bytes = 2048;  // of a worker's output, in a message

double seconds(duration time) { return std::chrono::duration<double>(time).count(); }

std::string last_words(std::string_view said) {
  said.remove_prefix(said.size() > quoted_bytes ? said.size() - quoted_bytes : 0);
  while (said.ends_with('\n')) {
    said.remove_suffix(1);
  }
  return said.empty() ? "" : fmt::format("; the last that it wrote: {}", said);
}

failed kind_of(const exit_status& how) {
  if (how.signal()) return failed::by_signal;
  return how.exit_code() ? failed::with_exit_code : failed::with_unknown_status;
}

// What may be behind it, when nobody in the pool is.
std::string explanation(const exit_status& how, const process_pool_options& options) {
  if (how.exit_code()) return "; a function must return, not end its process";
  if (how.signal() == SIGXCPU && options.cpu_limit) {
    return fmt::format(": it used more than the pool's limit of {} s of CPU", seconds(*options.cpu_limit));
  }
  if (how.signal() == SIGKILL) return "; not by the pool: perhaps the machine's memory was used up";
  return "";
}

std::string resources(const exit_status& how) {
  constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
  const resource_use& used = how.used();
  return fmt::format("; the process has used {:.2f} s of CPU and at most {} MiB of memory",
                     seconds(used.user_time + used.system_time), used.peak_resident_bytes / mebibyte);
}

}  // namespace

pool_worker::pool_worker(std::shared_ptr<worker_owner> owner, shared_memory memory) noexcept
    : owner_(std::move(owner)), memory_(std::move(memory)) {}

void pool_worker::process_started(child& started) {
  child_ = &started;
  const duration most = owner_->options().start_limit;
  limit_ = owner_->loop().call_later(most, [this, most] {
    stop_call(error(errc::timed_out, fmt::format("it was not ready after {} s", seconds(most))));
  });
}

result<void> pool_worker::begin(pool_call& call) {
  arguments_in_memory_ = call.arguments.size() > most_bytes_in_pipe ? call.arguments.size() : 0;
  if (arguments_in_memory_ > 0) {
    if (auto written = memory_.write(call.arguments); !written) return written;
  }
  const process_pool_options& options = owner_->options();
  const frame_header header{.kind = frame_kind::call,
                            .serial = call.serial,
                            .cpu_limit_nanoseconds = options.cpu_limit.value_or(duration::zero()).count()};
  child_->write(requests_fd, frame_of(header, call.function, call.arguments));
  call.arguments = {};
  call_ = std::move(call);
  call_->since = owner_->loop().now();
  ++calls_;
  phase_ = phase::running;
  last_output_.clear();
  if (options.time_limit) {
    limit_ = owner_->loop().call_later(*options.time_limit, [this, most = *options.time_limit] {
      stop_call(error(errc::timed_out, fmt::format("it ran longer than the pool's time limit of {} s", seconds(most))));
    });
  }
  return {};
}

void pool_worker::retire() {
  if (phase_ == phase::ending) return;
  phase_ = phase::ending;
  limit_.cancel();
  child_->stop(owner_->options().grace);
}

void pool_worker::stop_call(error why) {
  if (phase_ == phase::ending) return;
  why_ = std::move(why);
  retire();
}

void pool_worker::forget_call() {
  call_.reset();
  retire();
}

std::optional<pool_call> pool_worker::disown() {
  phase_ = phase::ending;
  limit_.cancel();
  child_->stop(duration::zero());
  owner_.reset();
  return std::exchange(call_, std::nullopt);
}

void pool_worker::output_received(int fd, bytes_view bytes) {
  if (fd == answers_fd) return answer_received(bytes);
  last_output_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (last_output_.size() > 2 * quoted_bytes) {
    last_output_.erase(0, last_output_.size() - quoted_bytes);
  }
}

// Its last answer may be read after it was asked to end.
void pool_worker::answer_received(bytes_view bytes) {
  if (owner_ == nullptr || why_) return;
  unread_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (take_frame()) {
  }
}

// False: no more now.
bool pool_worker::take_frame() {
  if (unread_.size() < sizeof(frame_header)) return false;
  const frame_header header = header_of(unread_);
  const bool is_ready = header.kind == frame_kind::ready && phase_ == phase::starting && header.payload_bytes == 0;
  const bool is_answer = (header.kind == frame_kind::done || header.kind == frame_kind::failed) && calls_ > 0 &&
                         (!call_ || call_->serial == header.serial);
  if (header.mark != frame_mark || header.name_bytes != 0 || (!is_ready && !is_answer) ||
      header.payload_bytes > owner_->options().most_packed_bytes) {
    distrust("what is no answer to its call");
    return false;
  }
  const std::size_t whole = sizeof(frame_header) + header.bytes_in_pipe();
  if (unread_.size() < whole) return false;
  const std::string frame = unread_.substr(0, whole);
  unread_.erase(0, whole);
  const std::shared_ptr<worker_owner> owner = owner_;
  if (is_ready) {
    limit_.cancel();
    phase_ = phase::idle;
    owner->worker_ready(*this);
  } else if (call_) {
    take_answer(header, std::string_view(frame).substr(sizeof(frame_header)));
  } else if (phase_ != phase::ending) {
    distrust("a second answer to one call");
  }
  return owner_ != nullptr && !why_;
}

void pool_worker::take_answer(const frame_header& header, std::string_view in_pipe) {
  result<std::string> answer = payload_of(header, in_pipe);
  memory_.release(std::max<std::size_t>(arguments_in_memory_, header.payload_bytes));
  limit_.cancel();
  resident_bytes_ = header.resident_bytes;
  if (phase_ == phase::running) phase_ = phase::idle;
  const std::shared_ptr<worker_owner> owner = owner_;
  owner->call_answered(*this, *std::exchange(call_, std::nullopt), std::move(answer));
}

result<std::string> pool_worker::payload_of(const frame_header& header, std::string_view in_pipe) const {
  result<std::string> payload =
      header.payload_bytes > most_bytes_in_pipe ? memory_.read(header.payload_bytes) : std::string(in_pipe);
  if (!payload || header.kind == frame_kind::done) return payload;
  try {
    return std::unexpected(unpack_error(*payload));
  } catch (const error& why) {
    return std::unexpected(why);
  }
}

void pool_worker::distrust(const std::string& what) {
  why_ = error(errc::bad_input, fmt::format("the process wrote {} to the pool's pipe", what));
  retire();
}

void pool_worker::process_exited(const exit_status& /*how*/) {
  phase_ = phase::ending;
  limit_.cancel();
}

void pool_worker::process_ended(const exit_status& how) {
  if (owner_ == nullptr) return;
  const std::shared_ptr<worker_owner> owner = owner_;
  error why = reason(how);
  owner->worker_ended(*this, std::exchange(call_, std::nullopt), std::move(why));
}

std::string pool_worker::subject() const {
  const std::string process = fmt::format("process {} of the pool \"{}\"", child_->pid(), owner_->options().name);
  return call_ ? fmt::format("\"{}\" in {}", call_->function, process) : process;
}

error pool_worker::reason(const exit_status& how) const {
  if (why_) {
    return {why_->code(), fmt::format("{} was stopped: {}{}{}", subject(), why_->message(), resources(how),
                                      last_words(last_output_))};
  }
  return {make_error_code(kind_of(how)),
          fmt::format("{}: {}{}{}{}", subject(), how.to_string(), explanation(how, owner_->options()), resources(how),
                      last_words(last_output_))};
}

}  // namespace whorl::process

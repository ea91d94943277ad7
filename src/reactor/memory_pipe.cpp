#include "reactor/memory_pipe.h"

#include <algorithm>
#include <array>

namespace whorl {

std::size_t memory_pipe::choose_piece(std::size_t available, dice& random) const noexcept {
  const link_faults& link = faults();
  std::size_t size = available;
  if (random.hit(link.split_chance)) {
    size = std::min(available, 1 + random.choose(std::uint64_t{1} << random.choose(16)));
  }
  return std::clamp<std::size_t>(size, 1, std::max<std::size_t>(link.largest_piece, 1));
}

std::size_t memory_pipe::room() const noexcept {
  const std::size_t window = std::max<std::size_t>(faults().window_bytes, 1);
  return window - std::min(bytes_.bytes(), window);
}

// What was sent earlier and takes longer holds it up.
time_point memory_pipe::arrival(time_point now, dice& random) const noexcept {
  const link_faults& link = faults();
  duration delay = link.least_delay;
  if (link.most_delay > link.least_delay) {
    delay += duration(random.choose(static_cast<std::uint64_t>((link.most_delay - link.least_delay).count())));
  }
  if (random.hit(link.stall_chance)) {
    delay += duration(random.choose(static_cast<std::uint64_t>(link.longest_stall.count())));
  }
  return due_after(now, delay);
}

void memory_pipe::send(time_point now, dice& random) {
  const std::size_t size = bytes_.bytes() - arrived_bytes_ - underway_bytes_;
  underway_.push_back({size, arrival(now, random)});
  underway_bytes_ += size;
  sent_bytes_ += size;
}

void memory_pipe::end(int error_number, time_point now, dice& random) noexcept {
  if (!end_ || error_number != 0) {
    end_ = {error_number, arrival(now, random)};
  }
}

void memory_pipe::fail(int error_number) noexcept {
  clear();
  end_ = {error_number, time_point::min()};
  end_arrived_ = true;
}

void memory_pipe::clear() noexcept {
  bytes_.clear();
  underway_.clear();
  underway_bytes_ = 0;
  arrived_bytes_ = 0;
}

void memory_pipe::arrive(time_point now) noexcept {
  if (link_.cut) {
    return;
  }
  while (!underway_.empty() && underway_.front().arrives <= now) {
    arrived_bytes_ += underway_.front().bytes;
    underway_bytes_ -= underway_.front().bytes;
    underway_.pop_front();
  }
  end_arrived_ = end_ && underway_.empty() && end_->arrives <= now;
}

std::optional<time_point> memory_pipe::next_arrival() const noexcept {
  if (link_.cut) {
    return std::nullopt;
  }
  if (!underway_.empty()) {
    return underway_.front().arrives;
  }
  return end_ && !end_arrived_ ? std::optional(end_->arrives) : std::nullopt;
}

bytes_view memory_pipe::front() const noexcept {
  std::array<iovec, 1> first{};
  bytes_.gather(first);
  return {static_cast<const std::byte*>(first[0].iov_base), std::min(first[0].iov_len, arrived_bytes_)};
}

void memory_pipe::receive(std::size_t bytes) noexcept {
  bytes_.consume(bytes);
  arrived_bytes_ -= bytes;
}

}  // namespace whorl

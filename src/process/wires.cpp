#include "process/wires.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <expected>
#include <map>
#include <utility>

#include "reactor/real_time_exempt.h"

namespace whorl::process {

namespace {

using std_result = std::expected<void, int>;  // an errno

std_result last_error() { return std::unexpected(errno); }

class wiring {
 public:
  explicit wiring(const description& wanted) : wanted_(wanted), wires_(wanted.wires) {
    wires_.try_emplace(0, wire::to_child());
    wires_.try_emplace(1, wire::from_child());
    wires_.try_emplace(2, wire::from_child());
  }

  result<opened_wires> open() {
    if (auto judged = judge(); !judged) return std::unexpected(judged.error());
    for (const auto& [child_fd, to] : wires_) {
      if (auto connected = connect(child_fd, to); !connected) {
        return std::unexpected(launch_error(launch_step::open_wires, connected.error(), wanted_.program));
      }
    }
    copy_those_that_are_the_same();
    std::ranges::sort(made_.moves, {}, &descriptor_move::to);
    return std::move(made_);
  }

 private:
  result<void> judge() const {
    if (wires_.size() > most_descriptors) {
      return bad(fmt::format("{} descriptors are wired; at most {} can be", wires_.size(), most_descriptors));
    }
    for (const auto& [child_fd, to] : wires_) {
      if (child_fd < 0) {
        return bad(fmt::format("descriptor {} is wired; descriptors are numbered from 0", child_fd));
      }
      if (to.what() == wire::kind::same_as) {
        const auto original = wires_.find(to.fd());
        if (original == wires_.end() || original->second.what() == wire::kind::same_as ||
            original->second.what() == wire::kind::closed) {
          return bad(fmt::format("descriptor {} is to be the same as {}, which has no wire of its own; wire that one",
                                 child_fd, to.fd()));
        }
      }
    }
    return {};
  }

  std::unexpected<error> bad(const std::string& what) const {
    return std::unexpected(error(errc::bad_input, fmt::format("run \"{}\": {}", wanted_.program, what)));
  }

  std_result connect(int child_fd, wire to) {
    switch (to.what()) {
      case wire::kind::to_child: return open_pipe(child_fd, our_end::use::writing);
      case wire::kind::from_child: return open_pipe(child_fd, our_end::use::reading);
      case wire::kind::null: return give(child_fd, open_null());
      case wire::kind::inherited: made_.moves.push_back({.from = to.fd(), .to = child_fd}); return {};
      case wire::kind::terminal: return connect_terminal(child_fd);
      case wire::kind::same_as:
      case wire::kind::closed: return {};
    }
    return {};
  }

  std_result open_pipe(int child_fd, our_end::use how) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return last_error();
    unique_fd reading(ends[0]);
    unique_fd writing(ends[1]);
    if (how == our_end::use::writing) std::swap(reading, writing);
    if (auto kept = keep(child_fd, how, std::move(reading)); !kept) return kept;
    return give(child_fd, std::move(writing));
  }

  static unique_fd open_null() {
    const detail::real_time_exempt because("/dev/null is in memory");
    return unique_fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  }

  // One terminal, however many descriptors it is.
  std_result connect_terminal(int child_fd) {
    if (made_.terminal >= 0) {
      made_.moves.push_back({.from = terminal_fd_, .to = child_fd});
      return {};
    }
    const detail::real_time_exempt because("terminals are in memory");
    unique_fd ours(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    const winsize size = {
        .ws_row = wanted_.terminal.rows, .ws_col = wanted_.terminal.columns, .ws_xpixel = 0, .ws_ypixel = 0};
    if (!ours || ::unlockpt(ours.get()) != 0 || ::ioctl(ours.get(), TIOCSWINSZ, &size) != 0) return last_error();
    unique_fd childs(::ioctl(ours.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    unique_fd typing(::fcntl(ours.get(), F_DUPFD_CLOEXEC, 0));
    if (!childs || !typing) return last_error();
    made_.terminal = child_fd;
    terminal_fd_ = childs.get();
    if (auto kept = keep(0, our_end::use::typing, std::move(typing)); !kept) return kept;
    if (auto kept = keep(1, our_end::use::reading, std::move(ours)); !kept) return kept;
    return give(child_fd, std::move(childs));
  }

  std_result keep(int child_fd, our_end::use how, unique_fd ours) {
    const detail::real_time_exempt because("it changes a flag");
    if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) return last_error();
    made_.ours.push_back({.child_fd = child_fd, .how = how, .fd = std::move(ours)});
    return {};
  }

  std_result give(int child_fd, unique_fd childs) {
    if (!childs) return last_error();
    made_.moves.push_back({.from = childs.get(), .to = child_fd});
    made_.childs.push_back(std::move(childs));
    return {};
  }

  void copy_those_that_are_the_same() {
    for (const auto& [child_fd, to] : wires_) {
      if (to.what() == wire::kind::same_as) {
        const auto original = std::ranges::find(made_.moves, to.fd(), &descriptor_move::to);
        made_.moves.push_back({.from = original->from, .to = child_fd});
      }
    }
  }

  const description& wanted_;
  std::map<int, wire> wires_;
  opened_wires made_;
  int terminal_fd_ = -1;
};

}  // namespace

result<opened_wires> open_wires(const description& wanted) { return wiring(wanted).open(); }

}  // namespace whorl::process

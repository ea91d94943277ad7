// SIGINT and SIGTERM, as requests to stop the loop that runs (S76).
//
// While one of these lives, a signal whose disposition the program had left alone wakes the loop; afterwards the
// disposition is as before (S77). Of several loops that run at once, the first one gets the signals.
//
// Thread: the loop's.
#pragma once

#include <whorl/reactor/backend.h>

namespace whorl::detail {

class stop_signals {
 public:
  explicit stop_signals(backend& io) noexcept;
  ~stop_signals();
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;

  // The signal that came since the last call, or 0.
  int take() noexcept;

 private:
  bool mine_ = false;
};

}  // namespace whorl::detail

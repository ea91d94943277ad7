#include "guard/call_underway.h"

#include <whorl/deferred/mutex.h>

#include <map>

namespace whorl::detail {

namespace {

struct calls_underway {
  mutex access;
  std::map<pid_t, waiting_call> of_thread WHORL_GUARDED_BY(access);
};

// Never destroyed: threads may wait while the program ends.
calls_underway& calls() {
  static auto& all = *new calls_underway;
  return all;
}

}  // namespace

void call_begins(pid_t thread, const waiting_call& call) {
  const mutex_lock lock(calls().access);
  calls().of_thread.insert_or_assign(thread, call);
}

void call_ends(pid_t thread) {
  const mutex_lock lock(calls().access);
  calls().of_thread.erase(thread);
}

std::optional<waiting_call> call_underway(pid_t thread) {
  const mutex_lock lock(calls().access);
  const auto found = calls().of_thread.find(thread);
  return found == calls().of_thread.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace whorl::detail

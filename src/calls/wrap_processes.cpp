// Functions that wait for other processes, for signals, and for the messages and semaphores of System V.
#include <aio.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "calls/wrapper.h"

using namespace whorl::calls;

WHORL_WRAPPERS_OF(processes)

namespace {

expected_wait for_signal(const sigset_t* wanted) noexcept {
  sigset_t come;
  ::sigpending(&come);
  ::sigandset(&come, &come, wanted);
  return waits_if(::sigisemptyset(&come) != 0, blocking_class::wait);
}

bool may_wait(const sembuf* steps, size_t count) noexcept {
  for (const sembuf& step : std::span(steps, count)) {
    if ((step.sem_flg & IPC_NOWAIT) == 0 && step.sem_op <= 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

// clang-format off
WHORL_WRAP(pid_t, wait, (int* status), (status), child(P_ALL, 0, 0))
WHORL_WRAP(pid_t, waitpid, (pid_t pid, int* status, int options), (pid, status, options), child(pid, options))
WHORL_WRAP(int, waitid, (idtype_t which, id_t id, siginfo_t* about, int options), (which, id, about, options), child(which, id, options))
WHORL_WRAP(pid_t, wait3, (int* status, int options, rusage* used), (status, options, used), child(-1, options))
WHORL_WRAP(pid_t, wait4, (pid_t pid, int* status, int options, rusage* used), (pid, status, options, used), child(pid, options))
WHORL_WRAP(int, system, (const char* command), (command), waits_if(command != nullptr, blocking_class::process))
WHORL_WRAP(int, pclose, (FILE* stream), (stream), waits(blocking_class::process))

WHORL_WRAP(int, pause, (), (), waits(blocking_class::wait))
WHORL_WRAP(int, sigsuspend, (const sigset_t* mask), (mask), waits(blocking_class::wait))
WHORL_WRAP(int, sigwait, (const sigset_t* wanted, int* number), (wanted, number), for_signal(wanted))
WHORL_WRAP(int, sigwaitinfo, (const sigset_t* wanted, siginfo_t* about), (wanted, about), for_signal(wanted))
WHORL_WRAP(int, sigtimedwait, (const sigset_t* wanted, siginfo_t* about, const timespec* limit), (wanted, about, limit),
           sleeping(limit).waits_for == blocking_class::never ? no_wait : for_signal(wanted))

WHORL_WRAP(ssize_t, msgrcv, (int queue, void* into, size_t bytes, long type, int flags), (queue, into, bytes, type, flags),
           waits_if((flags & IPC_NOWAIT) == 0, blocking_class::wait))
WHORL_WRAP(int, msgsnd, (int queue, const void* from, size_t bytes, int flags), (queue, from, bytes, flags),
           waits_if((flags & IPC_NOWAIT) == 0, blocking_class::wait))
WHORL_WRAP(int, semop, (int set, sembuf* steps, size_t count), (set, steps, count), waits_if(may_wait(steps, count), blocking_class::wait))
WHORL_WRAP(int, semtimedop, (int set, sembuf* steps, size_t count, const timespec* limit), (set, steps, count, limit),
           waits_if(may_wait(steps, count) && sleeping(limit).waits_for != blocking_class::never, blocking_class::timed))
WHORL_WRAP(int, aio_suspend, (const aiocb* const* list, int count, const timespec* limit), (list, count, limit), sleeping(limit))
// clang-format on

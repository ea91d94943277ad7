// Functions that wait for other threads: to end, to come to a barrier, or to raise a semaphore.
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>

#include <ctime>

#include "calls/wrapper.h"

using namespace whorl::calls;

WHORL_WRAPPERS_OF(threads)

namespace {

bool taken(sem_t* semaphore) noexcept {
  int value = 0;
  return ::sem_getvalue(semaphore, &value) == 0 && value <= 0;
}

}  // namespace

// clang-format off
WHORL_WRAP_LOCK(wait, pthread_join, (pthread_t thread, void** returned), (thread, returned), EBUSY, ::pthread_tryjoin_np(thread, returned), EBUSY)
WHORL_WRAP(int, pthread_timedjoin_np, (pthread_t thread, void** returned, const timespec* until), (thread, returned, until), waits(blocking_class::wait))
WHORL_WRAP(int, pthread_clockjoin_np, (pthread_t thread, void** returned, clockid_t clock, const timespec* until), (thread, returned, clock, until), waits(blocking_class::wait))
WHORL_WRAP(int, thrd_join, (thrd_t thread, int* returned), (thread, returned), waits(blocking_class::wait))
WHORL_WRAP(int, pthread_barrier_wait, (pthread_barrier_t* barrier), (barrier), waits(blocking_class::wait))
WHORL_WRAP(int, sem_wait, (sem_t* semaphore), (semaphore), waits_if(taken(semaphore), blocking_class::wait))
WHORL_WRAP(int, sem_timedwait, (sem_t* semaphore, const timespec* until), (semaphore, until), waits_if(taken(semaphore), blocking_class::wait))
WHORL_WRAP(int, sem_clockwait, (sem_t* semaphore, clockid_t clock, const timespec* until), (semaphore, clock, until), waits_if(taken(semaphore), blocking_class::wait))
// clang-format on

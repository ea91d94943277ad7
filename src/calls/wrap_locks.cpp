// Functions that wait for other threads: to leave a lock, or to change a condition.
#include <pthread.h>
#include <threads.h>
#include <whorl/guard/thread_look.h>

#include <ctime>

#include "calls/wrapper.h"

using namespace whorl::calls;

WHORL_WRAPPERS_OF(locks)

namespace {

// Locks are held for moments, mostly: only one that is held longer is told of.
timespec in_a_moment(clockid_t clock) noexcept {
  constexpr long moment = 1'000'000;
  constexpr long second = 1'000'000'000;
  timespec now{};
  ::clock_gettime(clock, &now);
  const long then = now.tv_nsec + moment;
  return {.tv_sec = now.tv_sec + then / second, .tv_nsec = then % second};
}

// Where the holder does not sleep it may only lack a processor, and gets more moments: as many as make a stall, of which
// stall_watch tells. One that is seen asleep may have let go of the lock just before, and gets another moment.
int try_mutex(pthread_mutex_t* mutex) noexcept {
  constexpr int most_moments = 50;
  constexpr int asleep_with_it = 2;
  int got = ETIMEDOUT;
  int asleep = 0;
  for (int moments = 0; moments < most_moments && asleep < asleep_with_it && got == ETIMEDOUT; ++moments) {
    const timespec until = in_a_moment(CLOCK_MONOTONIC);
    got = ::pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
    asleep = ::whorl::asleep(mutex->__data.__owner) ? asleep + 1 : 0;
  }
  return got;
}

int try_to_read(pthread_rwlock_t* lock) noexcept {
  const timespec until = in_a_moment(CLOCK_MONOTONIC);
  return ::pthread_rwlock_clockrdlock(lock, CLOCK_MONOTONIC, &until);
}

int try_to_write(pthread_rwlock_t* lock) noexcept {
  const timespec until = in_a_moment(CLOCK_MONOTONIC);
  return ::pthread_rwlock_clockwrlock(lock, CLOCK_MONOTONIC, &until);
}

}  // namespace

// clang-format off
WHORL_WRAP_LOCK(lock, pthread_mutex_lock, (pthread_mutex_t* mutex), (mutex), EBUSY, ::pthread_mutex_trylock(mutex), try_mutex(mutex))
WHORL_WRAP_LOCK(lock, pthread_mutex_timedlock, (pthread_mutex_t* mutex, const timespec* until), (mutex, until), EBUSY, ::pthread_mutex_trylock(mutex), try_mutex(mutex))
WHORL_WRAP_LOCK(lock, pthread_mutex_clocklock, (pthread_mutex_t* mutex, clockid_t clock, const timespec* until), (mutex, clock, until), EBUSY, ::pthread_mutex_trylock(mutex), try_mutex(mutex))
WHORL_WRAP_LOCK(lock, pthread_rwlock_rdlock, (pthread_rwlock_t* lock), (lock), EBUSY, ::pthread_rwlock_tryrdlock(lock), try_to_read(lock))
WHORL_WRAP_LOCK(lock, pthread_rwlock_wrlock, (pthread_rwlock_t* lock), (lock), EBUSY, ::pthread_rwlock_trywrlock(lock), try_to_write(lock))
WHORL_WRAP_LOCK(lock, pthread_rwlock_timedrdlock, (pthread_rwlock_t* lock, const timespec* until), (lock, until), EBUSY, ::pthread_rwlock_tryrdlock(lock), try_to_read(lock))
WHORL_WRAP_LOCK(lock, pthread_rwlock_timedwrlock, (pthread_rwlock_t* lock, const timespec* until), (lock, until), EBUSY, ::pthread_rwlock_trywrlock(lock), try_to_write(lock))
WHORL_WRAP_LOCK(lock, pthread_rwlock_clockrdlock, (pthread_rwlock_t* lock, clockid_t clock, const timespec* until), (lock, clock, until), EBUSY, ::pthread_rwlock_tryrdlock(lock), try_to_read(lock))
WHORL_WRAP_LOCK(lock, pthread_rwlock_clockwrlock, (pthread_rwlock_t* lock, clockid_t clock, const timespec* until), (lock, clock, until), EBUSY, ::pthread_rwlock_trywrlock(lock), try_to_write(lock))
WHORL_WRAP_LOCK(lock, mtx_lock, (mtx_t* mutex), (mutex), thrd_busy, ::mtx_trylock(mutex), thrd_busy)
WHORL_WRAP_LOCK(lock, mtx_timedlock, (mtx_t* mutex, const timespec* until), (mutex, until), thrd_busy, ::mtx_trylock(mutex), thrd_busy)

WHORL_WRAP(int, pthread_cond_wait, (pthread_cond_t* changed, pthread_mutex_t* mutex), (changed, mutex), waits(blocking_class::wait))
WHORL_WRAP(int, pthread_cond_timedwait, (pthread_cond_t* changed, pthread_mutex_t* mutex, const timespec* until), (changed, mutex, until), waits(blocking_class::timed))
WHORL_WRAP(int, pthread_cond_clockwait, (pthread_cond_t* changed, pthread_mutex_t* mutex, clockid_t clock, const timespec* until), (changed, mutex, clock, until), sleeping_until(clock, until))
WHORL_WRAP(int, cnd_wait, (cnd_t* changed, mtx_t* mutex), (changed, mutex), waits(blocking_class::wait))
WHORL_WRAP(int, cnd_timedwait, (cnd_t* changed, mtx_t* mutex, const timespec* until), (changed, mutex, until), waits(blocking_class::timed))
// clang-format on

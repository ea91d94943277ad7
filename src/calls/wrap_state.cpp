// Functions that change what belongs to the whole process.
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include "calls/wrapper.h"

using namespace whorl::calls;

WHORL_WRAPPERS_OF(state)

namespace {

bool is_this(pid_t pid) noexcept { return pid == 0 || pid == ::getpid(); }

}  // namespace

// clang-format off
WHORL_WRAP_CHANGE(int, chdir, (const char* path), (path), "cwd", true)
WHORL_WRAP_CHANGE(int, fchdir, (int fd), (fd), "cwd", true)
WHORL_WRAP_CHANGE(int, chroot, (const char* path), (path), "cwd", true)
WHORL_WRAP_CHANGE(mode_t, umask, (mode_t mask), (mask), "umask", true)

WHORL_WRAP_CHANGE(int, setuid, (uid_t user), (user), "creds", true)
WHORL_WRAP_CHANGE(int, setgid, (gid_t group), (group), "creds", true)
WHORL_WRAP_CHANGE(int, seteuid, (uid_t user), (user), "creds", true)
WHORL_WRAP_CHANGE(int, setegid, (gid_t group), (group), "creds", true)
WHORL_WRAP_CHANGE(int, setreuid, (uid_t real, uid_t effective), (real, effective), "creds", true)
WHORL_WRAP_CHANGE(int, setregid, (gid_t real, gid_t effective), (real, effective), "creds", true)
WHORL_WRAP_CHANGE(int, setresuid, (uid_t real, uid_t effective, uid_t saved), (real, effective, saved), "creds", true)
WHORL_WRAP_CHANGE(int, setresgid, (gid_t real, gid_t effective, gid_t saved), (real, effective, saved), "creds", true)
WHORL_WRAP_CHANGE(int, setgroups, (size_t count, const gid_t* groups), (count, groups), "creds", true)
WHORL_WRAP_CHANGE(int, initgroups, (const char* user, gid_t group), (user, group), "creds", true)

WHORL_WRAP_CHANGE(int, setenv, (const char* name, const char* value, int overwrite), (name, value, overwrite), "env", true)
WHORL_WRAP_CHANGE(int, unsetenv, (const char* name), (name), "env", true)
WHORL_WRAP_CHANGE(int, putenv, (char* text), (text), "env", true)
WHORL_WRAP_CHANGE(int, clearenv, (), (), "env", true)
WHORL_WRAP_CHANGE(char*, setlocale, (int category, const char* name), (category, name), "locale", name != nullptr)
WHORL_WRAP_CHANGE(void, tzset, (), (), "tz", true)

WHORL_WRAP_CHANGE(int, sigaction, (int number, const struct sigaction* wanted, struct sigaction* before), (number, wanted, before), "sigaction", wanted != nullptr)
WHORL_WRAP_CHANGE(sighandler_t, signal, (int number, sighandler_t handler), (number, handler), "sigaction", true)
WHORL_WRAP_CHANGE(int, setrlimit, (__rlimit_resource_t what, const rlimit* limit), (what, limit), "rlimit", true)
WHORL_WRAP_CHANGE_ALIAS(setrlimit, int, setrlimit64, (__rlimit_resource_t what, const rlimit64* limit), (what, limit), "rlimit", true)
WHORL_WRAP_CHANGE(int, prlimit, (pid_t pid, __rlimit_resource what, const rlimit* limit, rlimit* before), (pid, what, limit, before), "rlimit", limit != nullptr && is_this(pid))
WHORL_WRAP_CHANGE_ALIAS(prlimit, int, prlimit64, (pid_t pid, __rlimit_resource what, const rlimit64* limit, rlimit64* before), (pid, what, limit, before), "rlimit", limit != nullptr && is_this(pid))
WHORL_WRAP_CHANGE(int, setitimer, (__itimer_which_t which, const itimerval* value, itimerval* before), (which, value, before), "timers", true)
WHORL_WRAP_CHANGE(unsigned, alarm, (unsigned seconds), (seconds), "timers", true)
// clang-format on

// A pool of processes: what runs in it, what goes wrong in it, and that it costs nobody else anything.

#include <whorl/deferred/log.h>
#include <whorl/deferred/platform.h>
#include <whorl/places/defer_to.h>
#include <whorl/process/defer_to_process.h>
#include <whorl/process/exit_status.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "process/process_under_test.h"
#include "process/worker_frame.h"

namespace whorl::process {

// What workers are asked to do in these tests.
namespace {

struct point {
  double x = 0;
  std::string name;
};

struct counter {
  int calls = 0;
};

int add(int one, int other) { return one + other; }
pid_t which_process() { return ::getpid(); }
std::string greet(may_block& /*wait*/, const std::string& name) { return "hello, " + name; }
int count(counter& mine) { return ++mine.calls; }
std::vector<point> mirror(std::vector<point> points, const std::map<std::string, std::optional<double>>& shifts) {
  for (point& each : points) {
    each.x = -each.x + shifts.at(each.name).value_or(0);
  }
  return points;
}
std::string repeat(const std::string& text, std::uint64_t times) {
  std::string made;
  while (times-- > 0) made += text;
  return made;
}
std::uint64_t length(const std::string& text) { return text.size(); }
result<int> refuse(int code) {
  return std::unexpected(error(std::error_code(code, std::system_category()), "no such number"));
}
int throw_something() { throw std::out_of_range("index 7 of 3"); }

// AddressSanitizer would make an exit of it.
void crash() {
  std::signal(SIGSEGV, SIG_DFL);
  std::fputs("about to fall\n", stderr);
  std::raise(SIGSEGV);
}
int leave(int code) {
  std::puts("good bye");
  std::exit(code);
}
void eat_memory() {
  std::vector<std::string> eaten;
  while (true) eaten.emplace_back(std::size_t{1} << 20, 'x');
}
void never_end() {
  while (true) ::pause();
}
void never_end_in_spite_of_term() {
  std::signal(SIGTERM, SIG_IGN);
  never_end();
}
void spin() {
  volatile unsigned turns = 0;
  while (true) turns = turns + 1;
}
pid_t leave_an_orphan() {
  const pid_t orphan = ::fork();
  if (orphan == 0) never_end_in_spite_of_term();
  return orphan;
}
void leave_an_orphan_and_crash(const std::string& tell) {
  const pid_t orphan = leave_an_orphan();
  std::ofstream(tell) << orphan;
  crash();
}
std::string change_directory(const std::string& path) {
  std::filesystem::current_path(path);
  return std::filesystem::current_path();
}
std::string directory() { return std::filesystem::current_path(); }
int fork_and_return_twice() { return ::fork() == 0 ? 1 : 2; }
void keep_memory(std::uint64_t bytes) {
  static std::string kept;
  kept.assign(bytes, 'x');
}
std::vector<int> open_descriptors_of_worker() {
  std::vector<int> found;
  for (int fd = 0; fd < 256; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) found.push_back(fd);
  }
  return found;
}
void write_to_the_pool(const std::string& bytes) {
  if (::write(answers_fd, bytes.data(), bytes.size()) < 0) std::abort();
  never_end();
}
bool can_make_a_pool() { return std::getenv(asked_to_work) == nullptr; }

const process_function known[] = {
    {"add", add},
    {"which_process", which_process},
    {"greet", greet},
    {"count", count},
    {"mirror", mirror},
    {"repeat", repeat},
    {"length", length},
    {"refuse", refuse},
    {"throw_something", throw_something},
    {"crash", crash},
    {"leave", leave},
    {"eat_memory", eat_memory},
    {"never_end", never_end},
    {"never_end_in_spite_of_term", never_end_in_spite_of_term},
    {"spin", spin},
    {"leave_an_orphan", leave_an_orphan},
    {"leave_an_orphan_and_crash", leave_an_orphan_and_crash},
    {"change_directory", change_directory},
    {"directory", directory},
    {"fork_and_return_twice", fork_and_return_twice},
    {"keep_memory", keep_memory},
    {"open_descriptors", open_descriptors_of_worker},
    {"write_to_the_pool", write_to_the_pool},
    {"can_make_a_pool", can_make_a_pool},
};

int not_known() { return 0; }

}  // namespace

}  // namespace whorl::process

template <>
inline constexpr auto whorl::packed_members<whorl::process::point> =
    std::tuple(&whorl::process::point::x, &whorl::process::point::name);

namespace whorl::process {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ProcessPool : public process_test {
 protected:
  void SetUp() override {
    process_test::SetUp();
    set_log_threshold(log_level::error);
  }
  void TearDown() override {
    pool_.reset();
    process_test::TearDown();
    set_log_threshold(log_level::info);
  }

  process_pool& make(process_pool_options options = {}) {
    pool_.emplace(loop(), std::move(options));
    return *pool_;
  }
  process_pool& pool() { return *pool_; }
  void destroy_pool() { pool_.reset(); }

  template <class T>
  error error_of(deferred<T> pending) {
    auto came = result_of(std::move(pending));
    if (came) throw std::runtime_error("what should have failed has succeeded");
    return came.error().error();
  }

  // A call that goes wrong in between others: they all finish.
  template <class T>
  error fails_alone(process_pool& processes, deferred<T> (*call)(process_pool&)) {
    std::vector<deferred<int>> others;
    for (int i = 0; i < 5; ++i) others.push_back(defer_to(processes, add, i, 1));
    auto failing = call(processes);
    for (int i = 5; i < 10; ++i) others.push_back(defer_to(processes, add, i, 1));
    const error why = error_of(std::move(failing));
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(result_of(std::move(others[static_cast<std::size_t>(i)])).value(), i + 1);
    }
    EXPECT_EQ(processes.statistics().queued, 0U);
    return why;
  }

  void until_running(std::size_t calls) {
    until([&] { return pool().statistics().running == calls; }, "calls run");
  }

 private:
  std::optional<process_pool> pool_;
};

// A zombie is dead; who buries an orphan may take his time.
bool is_alive(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string name;
  std::string state;
  while (file >> name && !name.ends_with(')')) {
  }
  return (file >> state) && state != "Z" && state != "X";
}

TEST_P(ProcessPool, ACallRunsInAnotherProcess) {
  const pid_t pid = result_of(defer_to(make(), which_process)).value();
  EXPECT_NE(pid, ::getpid());
  EXPECT_EQ(result_of(defer_to(pool(), add, 2, 3)).value(), 5);
}

TEST_P(ProcessPool, ArgumentsAndResultsMayBeWhatCanBePacked) {
  std::vector<point> points{{.x = 1.5, .name = "a"}, {.x = 0, .name = "b"}};
  std::map<std::string, std::optional<double>> shifts{{"a", 1.0}, {"b", std::nullopt}};
  const auto mirrored = result_of(defer_to(make(), mirror, points, shifts)).value();
  ASSERT_EQ(mirrored.size(), 2U);
  EXPECT_EQ(mirrored[0].x, -0.5);
  EXPECT_EQ(mirrored[1].name, "b");
}

TEST_P(ProcessPool, AFunctionMayWaitAndMayHaveAnObjectOfItsProcess) {
  make({.most_workers = 1});
  EXPECT_EQ(result_of(defer_to(pool(), greet, "whorl")).value(), "hello, whorl");
  EXPECT_EQ(result_of(defer_to(pool(), count)).value(), 1);
  EXPECT_EQ(result_of(defer_to(pool(), count)).value(), 2);
}

TEST_P(ProcessPool, TheSameFunctionsRunInAPoolALaneAndAProcess) {
  thread_pool threads;
  lane<counter> one({.name = "one"});
  make();
  EXPECT_EQ(result_of(defer_to(threads, add, 2, 3)).value(), 5);
  EXPECT_EQ(result_of(defer_to(pool(), add, 2, 3)).value(), 5);
  EXPECT_EQ(result_of(defer_to(one, count)).value(), 1);
  EXPECT_EQ(result_of(defer_to(pool(), count)).value(), 1);
}

TEST_P(ProcessPool, MegabytesGoThroughSharedMemory) {
  make({.most_workers = 1});
  const std::string block(std::size_t{1} << 20, 'x');
  for (const std::uint64_t times : {10, 1, 5}) {
    const auto came = result_of(defer_to(pool(), repeat, block, times)).value();
    ASSERT_EQ(came.size(), times * block.size());
    EXPECT_EQ(came.find_first_not_of('x'), std::string::npos);
  }
}

TEST_P(ProcessPool, WhatIsTooLargeIsRefusedOnEitherWay) {
  make({.most_workers = 1, .most_packed_bytes = 100'000});
  const error sent = error_of(defer_to(pool(), length, std::string(200'000, 'x')));
  EXPECT_TRUE(sent.is(errc::too_large)) << sent.what();
  const error came = error_of(defer_to(pool(), repeat, "x", 200'000U));
  EXPECT_TRUE(came.is(errc::too_large)) << came.what();
  EXPECT_EQ(result_of(defer_to(pool(), length, std::string(90'000, 'x'))).value(), 90'000U);
  EXPECT_EQ(pool().statistics().started, 1U);
}

TEST_P(ProcessPool, ErrorsArriveWithTheirCodesAndExceptionsWithTheirMessages) {
  make();
  const error refused = error_of(defer_to(pool(), refuse, ENOENT));
  EXPECT_EQ(refused.code(), std::errc::no_such_file_or_directory);
  EXPECT_STREQ(refused.what(), "no such number");
  const error thrown = error_of(defer_to(pool(), throw_something));
  EXPECT_TRUE(thrown.is(errc::exception));
  EXPECT_STREQ(thrown.what(), "\"throw_something\" threw an exception: index 7 of 3");
  EXPECT_EQ(pool().statistics().crashed, 0U);
}

TEST_P(ProcessPool, AFunctionThatWorkersDoNotKnowIsMisuse) {
  EXPECT_THROW(static_cast<void>(defer_to(make(), not_known)), misuse);
  EXPECT_TRUE(error_of(pool().call("nobody", "")).is(errc::not_found));
}

TEST_P(ProcessPool, ACrashFailsItsCallAlone) {
  const error why = fails_alone(make(), +[](process_pool& in) { return defer_to(in, crash); });
  EXPECT_EQ(why.code(), make_error_code(failed::by_signal));
  EXPECT_THAT(why.what(),
              AllOf(StartsWith("\"crash\" in process "), HasSubstr("killed by signal 11 (Segmentation fault)"),
                    HasSubstr("s of CPU and at most"), HasSubstr("the last that it wrote: about to fall")));
  EXPECT_EQ(pool().statistics().crashed, 1U);
}

TEST_P(ProcessPool, AnExitFailsItsCallAlone) {
  const error why = fails_alone(make(), +[](process_pool& in) { return defer_to(in, leave, 0); });
  EXPECT_EQ(why.code(), make_error_code(failed::with_exit_code));
  EXPECT_THAT(why.what(), AllOf(HasSubstr("exited with 0; a function must return, not end its process"),
                                HasSubstr("the last that it wrote: good bye")));
}

TEST_P(ProcessPool, EatenMemoryFailsItsCallAlone) {
  if (WHORL_SANITIZED) {
    GTEST_SKIP() << "a sanitizer's own memory is more than any limit";
  }
  const error why = fails_alone(
      make({.address_space_bytes = std::uint64_t{512} << 20}),
      +[](process_pool& in) { return defer_to(in, eat_memory); });
  EXPECT_EQ(why.code(), std::errc::not_enough_memory);
  EXPECT_THAT(why.what(), HasSubstr("\"eat_memory\" ran out of memory in its worker process"));
}

TEST_P(ProcessPool, ACallThatNeverEndsFailsAloneAtItsTimeLimit) {
  const error why = fails_alone(make({.time_limit = 300ms}), +[](process_pool& in) { return defer_to(in, never_end); });
  EXPECT_TRUE(why.is(errc::timed_out));
  EXPECT_THAT(why.what(), HasSubstr("was stopped: it ran longer than the pool's time limit of 0.3 s"));
}

TEST_P(ProcessPool, ACallThatDoesNotHearTermIsKilledAfterTheGrace) {
  make({.most_workers = 1, .time_limit = 100ms, .grace = 50ms});
  EXPECT_TRUE(error_of(defer_to(pool(), never_end_in_spite_of_term)).is(errc::timed_out));
  EXPECT_EQ(result_of(defer_to(pool(), add, 1, 1)).value(), 2);
}

TEST_P(ProcessPool, ACallThatSpinsFailsAloneAtItsLimitOfCpu) {
  const error why = fails_alone(make({.cpu_limit = 50ms}), +[](process_pool& in) { return defer_to(in, spin); });
  EXPECT_EQ(why.code(), make_error_code(failed::by_signal));
  EXPECT_THAT(why.what(), HasSubstr("it used more than the pool's limit of 0.05 s of CPU"));
}

TEST_P(ProcessPool, AnOrphanThatHoldsThePipesHarmsNobodyAndGoesWithItsWorker) {
  make({.most_workers = 1});
  const pid_t orphan = result_of(defer_to(pool(), leave_an_orphan)).value();
  EXPECT_TRUE(is_alive(orphan));
  EXPECT_EQ(result_of(defer_to(pool(), add, 1, 1)).value(), 2);
  ASSERT_TRUE(result_of(pool().stop()));
  until([&] { return !is_alive(orphan); }, "the orphan is dead");
}

TEST_P(ProcessPool, AnOrphanDoesNotDelayTheNewsOfACrash) {
  const std::string file = testing::TempDir() + "whorl_orphan_" + std::to_string(::getpid());
  make({.most_workers = 1});
  const error why = error_of(defer_to(pool(), leave_an_orphan_and_crash, file));
  EXPECT_EQ(why.code(), make_error_code(failed::by_signal));
  pid_t orphan = 0;
  std::ifstream(file) >> orphan;
  ASSERT_GT(orphan, 0);
  until([&] { return !is_alive(orphan); }, "the orphan is dead");
  EXPECT_EQ(result_of(defer_to(pool(), add, 1, 1)).value(), 2);
  std::filesystem::remove(file);
}

TEST_P(ProcessPool, ACopyOfTheWorkerThatACallForkedSaysNothing) {
  make({.most_workers = 1});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(result_of(defer_to(pool(), fork_and_return_twice)).value(), 2);
  }
  EXPECT_EQ(pool().statistics().started, 1U);
}

TEST_P(ProcessPool, ACallThatChangesItsDirectoryChangesNobodyElses) {
  make({.most_workers = 1, .directory = "/usr"});
  const auto ours = std::filesystem::current_path();
  EXPECT_EQ(result_of(defer_to(pool(), change_directory, "/")).value(), "/");
  EXPECT_EQ(result_of(defer_to(pool(), directory)).value(), "/usr");
  EXPECT_EQ(pool().statistics().started, 1U);
  EXPECT_EQ(std::filesystem::current_path(), ours);
}

TEST_P(ProcessPool, AWorkerThatWritesNonsenseIsKilled) {
  make({.most_workers = 1, .grace = 1s});
  const error why = error_of(defer_to(pool(), write_to_the_pool, std::string(1000, 'x')));
  EXPECT_TRUE(why.is(errc::bad_input));
  EXPECT_THAT(why.what(), HasSubstr("the process wrote what is no answer to its call to the pool's pipe"));
  EXPECT_EQ(result_of(defer_to(pool(), add, 1, 1)).value(), 2);
}

TEST_P(ProcessPool, AWorkerThatLiesAboutASizeIsKilled) {
  make({.most_workers = 1, .most_packed_bytes = 100'000});
  std::string lie = frame_of({.kind = frame_kind::done, .serial = 1}, "", "");
  const std::uint64_t size = std::uint64_t{1} << 60;
  std::memcpy(lie.data() + offsetof(frame_header, payload_bytes), &size, sizeof size);
  EXPECT_TRUE(error_of(defer_to(pool(), write_to_the_pool, lie)).is(errc::bad_input));
}

TEST_P(ProcessPool, AnAnswerThatIsNoneIsAnErrorOfItsCall) {
  make({.most_workers = 1});
  const std::string answer = frame_of({.kind = frame_kind::done, .serial = 1}, "", "four");
  auto pending = pool().call("write_to_the_pool", [&] {
    std::string packed;
    packing<std::string>::pack(packed, answer);
    return packed;
  }());
  EXPECT_TRUE(error_of(detail::unpack_answer<std::vector<double>>(std::move(pending))).is(errc::bad_input));
}

TEST_P(ProcessPool, ACancelledCallThatWaitsLeavesTheQueue) {
  make({.most_workers = 1});
  auto first = defer_to(pool(), never_end);
  auto second = defer_to(pool(), add, 1, 1);
  until_running(1);
  second.cancel();
  EXPECT_TRUE(error_of(std::move(second)).is(errc::cancelled));
  EXPECT_EQ(pool().statistics().queued, 0U);
  EXPECT_EQ(pool().statistics().running, 1U);
}

TEST_P(ProcessPool, ACancelledCallThatRunsFailsAtOnceAndItsWorkerIsReplaced) {
  make({.most_workers = 1});
  auto running = defer_to(pool(), never_end);
  until_running(1);
  running.cancel();
  ASSERT_TRUE(running.ready());
  EXPECT_TRUE(error_of(std::move(running)).is(errc::cancelled));
  EXPECT_EQ(result_of(defer_to(pool(), add, 1, 1)).value(), 2);
  EXPECT_EQ(pool().statistics().started, 2U);
}

TEST_P(ProcessPool, ADroppedCallIsCancelled) {
  make({.most_workers = 1});
  {
    const auto dropped = defer_to(pool(), never_end);
    until_running(1);
  }
  EXPECT_EQ(result_of(defer_to(pool(), add, 1, 1)).value(), 2);
}

TEST_P(ProcessPool, TheQueueIsBounded) {
  make({.most_workers = 1, .most_queued = 2});
  auto running = defer_to(pool(), never_end);
  until_running(1);
  auto second = defer_to(pool(), add, 1, 1);
  auto third = defer_to(pool(), add, 1, 1);
  EXPECT_TRUE(error_of(defer_to(pool(), add, 1, 1)).is(errc::full));
  running.cancel();
  EXPECT_TRUE(error_of(std::move(running)).is(errc::cancelled));
  EXPECT_EQ(result_of(std::move(third)).value(), 2);
}

TEST_P(ProcessPool, StoppingEndsWhatWaitsAndRunsAndRefusesWhatComes) {
  make({.most_workers = 2});
  std::vector<deferred<int>> calls;
  for (int i = 0; i < 20; ++i) calls.push_back(defer_to(pool(), add, i, i));
  auto stopped = pool().stop();
  EXPECT_TRUE(error_of(defer_to(pool(), add, 1, 1)).is(errc::shutting_down));
  ASSERT_TRUE(result_of(std::move(stopped)));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(result_of(std::move(calls[static_cast<std::size_t>(i)])).value(), 2 * i);
  }
  EXPECT_EQ(pool().statistics().workers, 0U);
}

TEST_P(ProcessPool, StoppingGivesUpWhenItsPatienceIsOver) {
  make({.most_workers = 1});
  auto running = defer_to(pool(), never_end);
  auto queued = defer_to(pool(), add, 1, 1);
  until_running(1);
  ASSERT_TRUE(result_of(pool().stop(20ms)));
  EXPECT_TRUE(error_of(std::move(running)).is(errc::shutting_down));
  EXPECT_TRUE(error_of(std::move(queued)).is(errc::shutting_down));
}

TEST_P(ProcessPool, ADestroyedPoolFailsItsCallsAndKillsItsWorkers) {
  make({.most_workers = 1});
  const pid_t pid = result_of(defer_to(pool(), which_process)).value();
  auto running = defer_to(pool(), never_end);
  until_running(1);
  auto queued = defer_to(pool(), add, 1, 1);
  destroy_pool();
  EXPECT_TRUE(error_of(std::move(running)).is(errc::shutting_down));
  EXPECT_TRUE(error_of(std::move(queued)).is(errc::shutting_down));
  until([&] { return !is_alive(pid); }, "the worker is dead and buried");
}

TEST_P(ProcessPool, WorkersAreStartedAhead) {
  make({.most_workers = 3, .started_ahead = 2});
  until([&] { return pool().statistics().idle == 2; }, "two workers are ready");
  EXPECT_EQ(pool().statistics().workers, 2U);
}

TEST_P(ProcessPool, AWorkerIsRenewedAfterItsCalls) {
  make({.most_workers = 1, .renewed_after_calls = 3});
  std::map<pid_t, int> calls;
  for (int i = 0; i < 7; ++i) ++calls[result_of(defer_to(pool(), which_process)).value()];
  ASSERT_EQ(calls.size(), 3U);
  EXPECT_EQ(pool().statistics().renewed, 2U);
  EXPECT_EQ(pool().statistics().crashed, 0U);
}

TEST_P(ProcessPool, AWorkerIsRenewedWhenItHasGrown) {
  make({.most_workers = 1, .renewed_above_bytes = std::uint64_t{200} << 20});
  ASSERT_TRUE(result_of(defer_to(pool(), add, 1, 1)));
  EXPECT_EQ(pool().statistics().renewed, 0U);
  ASSERT_TRUE(result_of(defer_to(pool(), keep_memory, std::uint64_t{300} << 20)));
  EXPECT_EQ(pool().statistics().renewed, 1U);
}

TEST_P(ProcessPool, AProgramThatDoesNotStartIsAClearErrorAndNoSpin) {
  make({.program = "/bin/false"});
  const error why = error_of(defer_to(pool(), add, 1, 1));
  EXPECT_THAT(why.what(),
              AllOf(HasSubstr("the pool \"processes\" cannot start a worker"), HasSubstr("exited with 1"),
                    HasSubstr("\"/bin/false\" must call whorl::run_worker_if_asked() at the beginning of its main")));
  const auto started = pool().statistics().started;
  EXPECT_EQ(error_of(defer_to(pool(), add, 1, 1)).code(), why.code());
  settle();
  EXPECT_LE(pool().statistics().started, started + 1);
}

TEST_P(ProcessPool, AProgramThatIsNotThereIsAClearError) {
  make({.program = "/nonexistent/program"});
  const error why = error_of(defer_to(pool(), add, 1, 1));
  EXPECT_EQ(why.code(), std::errc::no_such_file_or_directory);
}

TEST_P(ProcessPool, AProgramThatIsNeverReadyIsStopped) {
  make({.program = "/usr/bin/yes", .start_limit = 50ms});
  const error why = error_of(defer_to(pool(), add, 1, 1));
  EXPECT_TRUE(why.is(errc::timed_out));
  EXPECT_THAT(why.what(), HasSubstr("it was not ready after 0.05 s"));
}

TEST_P(ProcessPool, AWorkerThatForgotItIsOneMakesNoPoolsOfItsOwn) {
  ::setenv(asked_to_work, "1", 1);
  EXPECT_THROW(process_pool(loop(), {}), misuse);
  ::unsetenv(asked_to_work);
  EXPECT_TRUE(result_of(defer_to(make(), can_make_a_pool)).value());
}

TEST_P(ProcessPool, NeitherDescriptorsNorZombiesAreLeft) {
  const auto before = open_descriptors();
  make({.most_workers = 2, .renewed_after_calls = 2});
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(result_of(defer_to(pool(), add, i, 1)));
    error_of(defer_to(pool(), crash));
  }
  ASSERT_TRUE(result_of(pool().stop()));
  settle();
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_P(ProcessPool, AWorkerHasItsOwnDescriptorsOnly) {
  const unique_fd ours(::open("/dev/null", O_RDONLY));  // not close-on-exec
  const auto found = result_of(defer_to(make(), open_descriptors_of_worker)).value();
  EXPECT_THAT(found, ElementsAre(0, 1, 2, requests_fd, answers_fd, memory_fd, 6, 7));  // and its directory, and statm
}

TEST_P(ProcessPool, ThousandsOfCallsAreAllRight) {
  make({.most_workers = 2, .renewed_after_calls = 700});
  std::vector<deferred<int>> calls;
  for (int i = 0; i < 2000; ++i) calls.push_back(defer_to(pool(), add, i, i));
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(result_of(std::move(calls[static_cast<std::size_t>(i)])).value(), 2 * i);
  }
  EXPECT_EQ(pool().statistics().completed, 2000U);
}

WHORL_ON_KERNEL_LOOPS(ProcessPool);

TEST(Packing, BytesThatAreNoSuchValueAreRefused) {
  std::string packed;
  packing<std::vector<std::string>>::pack(packed, {"one", "two"});
  for (std::size_t kept = 0; kept < packed.size(); ++kept) {
    unpacker from(std::string_view(packed).substr(0, kept));
    EXPECT_THROW(packing<std::vector<std::string>>::unpack(from), error) << kept;
  }
  packed += "x";
  unpacker whole(packed);
  EXPECT_THAT(packing<std::vector<std::string>>::unpack(whole), ElementsAre("one", "two"));
  EXPECT_THROW(whole.finish(), error);
}

TEST(Packing, ACountBeyondTheBytesIsRefusedBeforeAnyMemoryIsTaken) {
  std::string packed;
  packing<std::uint64_t>::pack(packed, std::uint64_t{1} << 61);
  unpacker from(packed);
  EXPECT_THROW(packing<std::vector<double>>::unpack(from), error);
}

}  // namespace
}  // namespace whorl::process

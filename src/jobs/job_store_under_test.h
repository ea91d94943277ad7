// A job store of either engine on a loop of its own, with a clock that a test moves; for tests.
#pragma once

#include <whorl/jobs/memory_job_store.h>
#include <whorl/jobs/sqlite_job_store.h>
#include <whorl/reactor/reactor.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace whorl::testing {

// A folder that is deleted with everything in it.
class temporary_folder {
 public:
  temporary_folder() {
    std::string name = ::testing::TempDir() + "whorl-jobs-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
      throw error::system(errno, "make a folder in " + ::testing::TempDir());
    }
    path_ = name;
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() { std::filesystem::remove_all(path_); }

  std::string file(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// The clock of the stores under test; lanes read it too.
class test_clock {
 public:
  static utc_time now() { return utc_time(std::chrono::milliseconds(milliseconds_.load())); }
  static void advance(std::chrono::milliseconds by) { milliseconds_ += by.count(); }

 private:
  static inline std::atomic<std::int64_t> milliseconds_ = 1'700'000'000'000;
};

// Turns the loop until the deferred has fired.
template <class T>
outcome<T> wait_for_outcome(reactor& loop, deferred<T> awaited) {
  auto fired = std::move(awaited).add_both([&loop](outcome<T> came) {
    loop.io().wake();  // the turn that brought it may be about to wait for something else
    return came;
  });
  while (!fired.ready()) {
    loop.turn(std::nullopt);
  }
  return std::move(fired).take();
}

template <class T>
T wait_for(reactor& loop, deferred<T> awaited) {
  outcome<T> came = wait_for_outcome(loop, std::move(awaited));
  if (!came) {
    came.error().raise();
  }
  return std::move(*came);
}

enum class engine { memory, sqlite };

class store_under_test {
 public:
  explicit store_under_test(engine kind, job_limits limits = {}) : kind_(kind), limits_(limits) { open(); }

  // As another process would find it; a store in memory is empty then.
  void reopen() {
    close();
    open();
  }

  job_store* operator->() noexcept { return store_.get(); }
  reactor& loop() noexcept { return loop_; }
  std::string file() const { return folder_.file("jobs.db"); }
  void close() { store_.reset(); }
  void open() {
    if (kind_ == engine::memory) {
      store_ = make_memory_job_store(loop_, {.limits = limits_, .clock = test_clock::now});
    } else {
      store_ = get(open_sqlite_job_store({.path = file(), .limits = limits_, .clock = test_clock::now}));
    }
  }

  template <class T>
  T get(deferred<T> awaited) {
    return wait_for(loop_, std::move(awaited));
  }
  template <class T>
  error error_of(deferred<T> awaited) {
    auto came = wait_for_outcome(loop_, std::move(awaited));
    EXPECT_FALSE(came) << "it should have failed";
    return came ? error(errc::exception) : came.error().error();
  }

  // For what most tests do.
  result<enqueued_job> try_enqueue(job_request request) { return get(store_->enqueue({std::move(request)})).at(0); }
  job_id enqueue(job_request request) { return try_enqueue(std::move(request)).value().id; }
  std::vector<job> lease(std::size_t most = 1, std::vector<std::string> calcs = {"c"}, std::string worker = "w") {
    return get(store_->lease(
        {.worker = std::move(worker), .most = most, .lasting = std::chrono::seconds(10), .calcs = std::move(calcs)}));
  }
  // A new job, running.
  job start(job_request request = {.calc = "c", .arguments = "{}"}) {
    const job_id id = enqueue(std::move(request));
    job leased = lease().at(0);
    EXPECT_EQ(leased.id, id) << "another job was eligible";
    return leased;
  }
  result<standing> end(attempt_end how) { return get(store_->end({std::move(how)})).at(0); }
  job find(job_id id) { return get(store_->find(id)); }
  job_state state_of(job_id id) { return find(id).state; }
  count_jobs::answer count() { return get(store_->count()); }

 private:
  engine kind_;
  job_limits limits_;
  temporary_folder folder_;
  reactor loop_;
  std::unique_ptr<job_store> store_;
};

}  // namespace whorl::testing

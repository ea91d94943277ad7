#include <gtest/gtest.h>
#include <unistd.h>
#include <whorl/deferred/platform.h>
#include <whorl/guard/blocking_call.h>
#include <whorl/guard/thread_look.h>
#include <whorl/reactor/reactor.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace whorl {
namespace {

// A thread that does something until it is let go.
class busy_thread {
 public:
  explicit busy_thread(std::function<void(busy_thread&)> work) {
    EXPECT_EQ(::pipe(pipe_.data()), 0);
    thread_ = std::thread([this, work = std::move(work)] {
      number_ = this_thread_number();
      work(*this);
    });
    while (number_ == 0) {
      std::this_thread::yield();
    }
  }
  busy_thread(const busy_thread&) = delete;
  busy_thread& operator=(const busy_thread&) = delete;
  ~busy_thread() {
    done = true;
    EXPECT_EQ(::write(pipe_[1], "x", 1), 1);
    thread_.join();
    ::close(pipe_[0]);
    ::close(pipe_[1]);
  }

  pid_t number() const { return number_; }
  int descriptor() const { return pipe_[0]; }
  std::atomic<bool> done = false;
  std::atomic<bool> computes = false;

 private:
  std::array<int, 2> pipe_{};
  std::atomic<pid_t> number_ = 0;
  std::thread thread_;
};

[[gnu::noinline]] void read_from_pipe(busy_thread& self) {
  char byte = 0;
  EXPECT_EQ(::read(self.descriptor(), &byte, 1), 1);
}

[[gnu::noinline]] void count_and_count(busy_thread& self) {
  volatile unsigned long counted = 0;
  while (!self.done) {
    counted = counted + 1;
    self.computes = true;
  }
}

[[gnu::noinline]] void read_in_a_function(busy_thread& self) {
  read_from_pipe(self);
  EXPECT_FALSE(self.number() == 0);  // no tail call
}

thread_look look_when_asleep(const busy_thread& thread) {
  while (!asleep(thread.number())) {
    std::this_thread::yield();
  }
  return look_at(thread.number());
}

TEST(ThreadLook, SaysInWhichCallAThreadSleepsAndOnWhat) {
  busy_thread reading(read_in_a_function);
  const thread_look seen = look_when_asleep(reading);
  EXPECT_TRUE(seen.asleep);
  EXPECT_EQ(seen.call, "read");
  EXPECT_NE(seen.on.find("descriptor " + std::to_string(reading.descriptor())), std::string::npos) << seen.on;
  EXPECT_NE(seen.on.find("pipe:"), std::string::npos) << seen.on;
}

TEST(ThreadLook, NamesTheFunctionsOfASleepingThreadWithoutTouchingIt) {
  busy_thread reading(read_in_a_function);
  const std::string text = describe(resolve(look_when_asleep(reading).stack));
  EXPECT_NE(text.find("read_in_a_function"), std::string::npos) << text;
  EXPECT_NE(text.find("thread_look_test.cpp:"), std::string::npos) << text;
}

struct reader {
  virtual ~reader() = default;
  virtual int get() = 0;
};

struct file_reader final : reader {
  explicit file_reader(int descriptor) : file(::fdopen(::dup(descriptor), "r"), &std::fclose) {}
  int get() override {
    std::array<char, 4096> text{};
    std::snprintf(text.data(), text.size(), "%*d", 4000, 1);  // leaves its traces on the stack
    return std::fgetc(file.get()) + text[0];
  }
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file;
};

TEST(ThreadLook, NamesAFunctionThatWasCalledThroughAPointerAndWaitsInALibrary) {
  busy_thread reading([](busy_thread& self) {
    file_reader one(self.descriptor());
    reader* volatile of_some_kind = &one;
    EXPECT_NE(of_some_kind->get(), EOF);
  });
  const std::vector<stack_frame> stack = resolve(look_when_asleep(reading).stack);
  const auto call = find_blocking_call(stack);
  ASSERT_TRUE(call) << describe(stack);
  EXPECT_TRUE(call->function == "getc" || call->function == "fgetc") << describe(stack);
  EXPECT_NE(describe(stack).find("file_reader::get (thread_look_test.cpp:"), std::string::npos) << describe(stack);
}

TEST(ThreadLook, NamesTheFunctionThatComputes) {
  busy_thread counting(count_and_count);
  while (!counting.computes) {
    std::this_thread::yield();
  }
  const thread_look seen = look_at(counting.number());
  EXPECT_FALSE(seen.asleep);
  if (WHORL_SANITIZED) {
    GTEST_SKIP() << "the sanitizer puts signals off until the thread is in its own functions";
  }
  const std::string text = describe(resolve(seen.stack));
  EXPECT_NE(text.find("count_and_count"), std::string::npos) << text;
}

[[gnu::noinline]] void touch_its_loop(reactor& loop) {
  loop.call_later(std::chrono::seconds(0), [] {}).detach();
  EXPECT_TRUE(false) << "it did not throw";
}

// What a wrong thread is told while the loop's own does something else.
template <void (*meanwhile)(busy_thread&)>
std::string told_to_wrong_thread() {
  std::atomic<reactor*> touched = nullptr;
  const busy_thread owner([&](busy_thread& self) {
    reactor loop;
    touched = &loop;
    meanwhile(self);
  });
  while (touched == nullptr || (meanwhile == count_and_count ? !owner.computes : !asleep(owner.number()))) {
    std::this_thread::yield();
  }
  try {
    touch_its_loop(*touched);
  } catch (const misuse& why) {
    return why.what();
  }
  return {};
}

void expect_in_order(const std::string& text, std::initializer_list<std::string_view> parts) {
  std::size_t at = 0;
  for (const std::string_view part : parts) {
    at = text.find(part, at);
    EXPECT_NE(at, std::string::npos) << part << " in " << text;
  }
}

TEST(WrongThread, IsToldItsStackAndThatOfTheLoopsThreadWhichSleeps) {
  const std::string text = told_to_wrong_thread<read_in_a_function>();
  expect_in_order(text, {"; called from ", "; the loop's thread is asleep in read (descriptor ", ") at "});
  if (!WHORL_SANITIZED) {
    expect_in_order(text, {"; called from ", "touch_its_loop (", "; the loop's thread is ",
                           "read_in_a_function (thread_look_test.cpp:"});
  }
}

TEST(WrongThread, IsToldItsStackAndThatOfTheLoopsThreadWhichComputes) {
  const std::string text = told_to_wrong_thread<count_and_count>();
  expect_in_order(text, {"; called from ", "; the loop's thread is computing at "});
  if (!WHORL_SANITIZED) {
    expect_in_order(text, {"touch_its_loop (", "; the loop's thread is computing at ", "count_and_count ("});
  }
}

// It is known to its thread by an index, where the kernel has those (Linux 5.18).
TEST(ThreadLook, ALoopWaitsOnItsRingAndNotOnTheDescriptorOfThatNumber) {
  std::atomic<reactor*> running = nullptr;
  const busy_thread owner([&](busy_thread& /*self*/) {
    reactor loop(make_uring_backend().value());
    running = &loop;
    loop.run();
  });
  thread_look seen;
  while (running == nullptr || seen.call != "io_uring_enter") {
    seen = look_at(owner.number());
  }
  EXPECT_TRUE(seen.on == "a ring" || seen.on.find("io_uring") != std::string::npos) << seen.on;
  running.load()->call_from_thread([&] { running.load()->stop(); });
}

TEST(ThreadLook, OfAThreadThatIsGoneSaysNothing) {
  const thread_look seen = look_at(1 << 30);
  EXPECT_TRUE(seen.stack.empty());
}

[[gnu::noinline]] std::uintptr_t here() { return reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)); }

template <class T>
struct holder {
  std::uintptr_t operator()(T /*unused*/) const { return here(); }
};

TEST(CallStack, FunctionsAreNamedWithoutReturnTypesAndParameters) {
  const std::array<std::uintptr_t, 1> address{holder<std::pair<int, char>>()({1, 'x'})};
  const std::string name = resolve(address)[0].function;
  EXPECT_TRUE(name.ends_with("holder<std::pair<int, char> >::operator()") || name.ends_with("TestBody")) << name;
}

TEST(BlockingCall, IsTheFunctionThatTheProgramCalledNotThoseBelowIt) {
  const std::vector<stack_frame> stack{{.function = "__poll"},
                                       {.function = "__libc_res_nsend"},
                                       {.function = "getaddrinfo@@GLIBC_2.2.5"},
                                       {.function = "connect_to"},
                                       {.function = "main"}};
  const auto found = find_blocking_call(stack);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->function, "getaddrinfo");
  EXPECT_NE(found->instead.find("thread_pool"), std::string::npos) << found->instead;
}

TEST(BlockingCall, IsNamedAsItIsDocumented) {
  const std::vector<stack_frame> stack{{.function = "__GI___open64_nocancel"},
                                       {.function = "_IO_new_file_fopen"},
                                       {.function = "fopen64"},
                                       {.function = "main"}};
  const auto found = find_blocking_call(stack);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->function, "fopen");
}

TEST(BlockingCall, IsALockWhereTheThreadSleepsForOne) {
  const std::vector<stack_frame> stack{{.function = "__lll_lock_wait"},
                                       {.function = "___pthread_mutex_lock"},
                                       {.function = "add_to_total"},
                                       {.function = "epoll_wait"},
                                       {.function = "main"}};
  const auto found = find_blocking_call(stack, "futex");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->function, "pthread_mutex_lock");
  EXPECT_EQ(find_blocking_call(stack, "read")->function, "epoll_wait") << "a lock is mostly free";
}

TEST(BlockingCall, OfPythonIsNotReadFromCommentsAndQuotes) {
  const std::string file = testing::TempDir() + "/asks.py";
  std::ofstream(file)
      << "def ask(q):\n  return q.get()  # not time.sleep(1)\n  return note('open(x)', \"it's\", time.sleep(2))\n";
  const stack_frame inner{.function = "Queue.get", .file = "/usr/lib/python3.11/queue.py", .line = 171};
  const std::vector<stack_frame> waiting{inner, {.function = "ask", .file = file, .line = 2}};
  ASSERT_TRUE(find_python_call(waiting));
  EXPECT_EQ(find_python_call(waiting)->function, "python:queue.Queue.get");
  const std::vector<stack_frame> quoting{{.function = "ask", .file = file, .line = 3}};
  ASSERT_TRUE(find_python_call(quoting));
  EXPECT_EQ(find_python_call(quoting)->function, "python:time.sleep");
}

TEST(BlockingCall, CodeThatOnlyComputesHasNone) {
  const std::vector<stack_frame> stack{{.function = "strlen"}, {.function = "count"}, {.function = "main"}};
  EXPECT_FALSE(find_blocking_call(stack));
}

TEST(CallStack, AnAddressThatIsNoCodeIsANumber) {
  const std::array<std::uintptr_t, 1> nowhere{0x10};
  EXPECT_EQ(describe(resolve(nowhere)), "0x10");
}

}  // namespace
}  // namespace whorl

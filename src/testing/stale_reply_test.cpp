// A planted bug: a reply is used after its connection was lost. The server notes only the seat of the client that asked;
// when the answer is ready, the seat may be another client's.

#include <whorl/deferred/platform.h>
#include <whorl/net/endpoint.h>
#include <whorl/reactor/within.h>
#include <whorl/testing/checks.h>

#include <gmock/gmock.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace whorl::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// Who is connected, by seat. A seat that was left is the first to be taken again.
struct seats {
  std::size_t take(transport& newcomer) {
    const auto seat = static_cast<std::size_t>(std::ranges::find(guests, nullptr) - guests.begin());
    guests.resize(std::max(guests.size(), seat + 1));
    visits.resize(guests.size());
    guests[seat] = &newcomer;
    ++visits[seat];
    return seat;
  }
  void leave(std::size_t seat) { guests[seat] = nullptr; }

  std::vector<transport*> guests;
  std::vector<int> visits;
};

using answering = deferred<void> (*)(reactor*, seats*, std::size_t, std::string);

// Looking up takes its time, and who asked may have left meanwhile.
deferred<void> answer_the_seat(reactor* loop, seats* in, std::size_t seat, std::string question) {
  co_await loop->sleep(3ms);
  if (in->guests[seat] != nullptr) {
    in->guests[seat]->write("about " + question);
  }
}

deferred<void> answer_the_visit(reactor* loop, seats* in, std::size_t seat, std::string question) {
  const int visit = in->visits[seat];
  co_await loop->sleep(3ms);
  if (in->guests[seat] != nullptr && in->visits[seat] == visit) {
    in->guests[seat]->write("about " + question);
  }
}

class seated : public protocol {
 public:
  seated(seats& in, answering answer) : in_(in), answer_(answer) {}

  void connection_made(transport& connection) override {
    connection_ = &connection;
    seat_ = in_.take(connection);
  }
  void data_received(bytes_view bytes) override {
    for (const std::byte each : bytes) {
      question_ += static_cast<char>(each);
      if (question_.ends_with('\n')) {
        answer_(&connection_->loop(), &in_, seat_, std::exchange(question_, {})).detach();
      }
    }
  }
  void connection_lost(const failure& /*reason*/) override { in_.leave(seat_); }

 private:
  seats& in_;
  answering answer_;
  transport* connection_ = nullptr;
  std::size_t seat_ = 0;
  std::string question_;
};

deferred<void> serve(host* here, seats* in, answering answer) {
  auto listening =
      listen(here->loop(), "tcp:1", [=](const address& /*peer*/) { return std::make_unique<seated>(*in, answer); });
  auto port = co_await std::move(listening);
  promise<void> for_ever;
  co_await for_ever.get_deferred();
}

deferred<std::string> ask(reactor* loop, std::string endpoint, std::string question) {
  auto server = co_await connect(*loop, endpoint);
  co_await server.write(question);
  auto reply = co_await server.read_until("\n");
  co_return reply;
}

// A guest whose patience has to grow: a connection on which no answer comes is given up, and the question asked anew.
deferred<void> ask_until_answered(host* from, std::string endpoint, std::string question) {
  for (duration patience = 5ms;; patience *= 2) {
    auto asking = within(from->loop(), ask(&from->loop(), endpoint, question), patience);
    auto reply = co_await std::move(asking).result();
    if (reply) {
      EXPECT_EQ(*reply, "about " + question);
      co_return;
    }
  }
}

void run_inn(simulation& world, answering answer) {
  world.set_faults({.most_delay = 2ms});
  seats in;
  host& inn = world.add_host("inn");
  host& first = world.add_host("first");
  host& second = world.add_host("second");
  host& third = world.add_host("third");
  inn.run([&](host& here) { return serve(&here, &in, answer); });
  world.settle();
  auto one = ask_until_answered(&first, inn.endpoint(1), "fish\n");
  auto other = ask_until_answered(&second, inn.endpoint(1), "fowl\n");
  auto last = ask_until_answered(&third, inn.endpoint(1), "cake\n");
  world.run(std::move(one));
  world.run(std::move(other));
  world.run(std::move(last));
  inn.crash();
}

TEST(StaleReply, IsFoundUnderSomeSeed) {
  const auto seen =
      explore({.count = 10'000}, with_expectations([](simulation& world) { run_inn(world, answer_the_seat); }));
  ASSERT_TRUE(seen.failed_seed);
  EXPECT_GT(seen.runs, 1U) << "some orders hide it";
  EXPECT_THAT(seen.report, HasSubstr("*reply"));
  RecordProperty("seed", std::to_string(*seen.failed_seed));
}

TEST(StaleReply, IsNotInTheCarefulProgram) {
  EXPECT_TRUE(every_seed_passes({.count = WHORL_SANITIZED ? 1'000 : 10'000},
                                [](simulation& world) { run_inn(world, answer_the_visit); }));
}

}  // namespace
}  // namespace whorl::testing

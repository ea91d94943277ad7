#include "reactor/send_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

namespace whorl {
namespace {

bytes_view view(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string gathered(const send_queue& queue) {
  std::array<iovec, 1024> pieces{};
  std::string all;
  for (std::size_t i = 0, count = queue.gather(pieces); i < count; ++i) {
    all.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  }
  return all;
}

TEST(SendQueue, GathersSmallWritesIntoOnePiece) {
  send_queue queue;
  queue.append(view("one "));
  queue.append(std::string("two "));
  queue.append(view("three"));
  std::array<iovec, 4> pieces{};
  EXPECT_EQ(queue.gather(pieces), 1U);
  EXPECT_EQ(gathered(queue), "one two three");
  EXPECT_EQ(queue.bytes(), 13U);
}

TEST(SendQueue, TakesABigStringOverWithoutCopying) {
  send_queue queue;
  std::string big(100000, 'x');
  const void* where = big.data();
  queue.append(std::move(big));
  std::array<iovec, 4> pieces{};
  ASSERT_EQ(queue.gather(pieces), 1U);
  EXPECT_EQ(pieces[0].iov_base, where);
}

TEST(SendQueue, KeepsBytesWhereTheyAreWhenItIsAppendedToAndMoved) {
  send_queue queue;
  queue.append(view("first"));
  std::array<iovec, 4> pieces{};
  queue.gather(pieces);
  const void* where = pieces[0].iov_base;
  queue.append(view(std::string(100000, 'y')));
  send_queue moved = std::move(queue);
  moved.gather(pieces);
  EXPECT_EQ(pieces[0].iov_base, where);
  EXPECT_EQ(gathered(moved).substr(0, 6), "firsty");
  EXPECT_TRUE(queue.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
}

TEST(SendQueue, GivesNoPiecesWhenEmpty) {
  send_queue queue;
  queue.append(bytes_view());
  queue.append(std::string());
  std::array<iovec, 4> pieces{};
  EXPECT_EQ(queue.gather(pieces), 0U);
  queue.append(view("x"));
  queue.consume(1);
  EXPECT_EQ(queue.gather(pieces), 0U);
  EXPECT_TRUE(queue.empty());
}

TEST(SendQueue, GivesBackWhatWasPutInWhateverTheSizes) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  send_queue queue;
  std::string model;
  char next = 'a';
  for (int step = 0; step < 3000; ++step) {
    const std::size_t size = std::uniform_int_distribution<std::size_t>(0, std::size_t{1} << (random() % 16))(random);
    std::string text(size, next);
    next = next == 'z' ? 'a' : static_cast<char>(next + 1);
    model += text;
    if (random() % 2 == 0) {
      queue.append(view(text));
    } else {
      queue.append(std::move(text));
    }
    const std::size_t sent = std::uniform_int_distribution<std::size_t>(0, model.size())(random);
    queue.consume(sent);
    model.erase(0, sent);
    ASSERT_EQ(queue.bytes(), model.size());
    ASSERT_EQ(gathered(queue), model);
  }
}

}  // namespace
}  // namespace whorl
